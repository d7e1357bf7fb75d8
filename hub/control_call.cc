#include "hub/control_call.h"

#include <utility>

namespace hawser::hub {

std::unique_ptr<net::StreamHandler> ControlCall::ForPath(const std::string& path,
                                                         const std::string& identity, Memory memory,
                                                         ControlLists& lists) {
  using List = ControlLists::List;
  const auto call = [&](List list) {
    return std::unique_ptr<net::StreamHandler>(
        new ControlCall(list, identity, std::move(memory), lists));
  };
  if (path == "/hawser.control.Control/GetClusters") return call(List::kClusters);
  if (path == "/hawser.control.Control/GetSessions") return call(List::kSessions);
  return nullptr;
}

ControlCall::ControlCall(ControlLists::List list, std::string identity, Memory memory,
                         ControlLists& lists)
    : list_(list),
      cost_(std::move(memory)),
      identity_(std::move(identity)),
      lists_(lists),
      self_(std::make_shared<ControlCall*>(this)) {
  cost_.Set(kCost);
}

void ControlCall::OnOpen(net::MessageStream& stream, const net::Metadata&) {
  stream_ = &stream;
  deadline_ = std::make_unique<base::Timer>(stream.scheduler());
  deadline_->Set(kTimeout, [this] { stream_->Reset(); });
  // Before anything is kept of its request, which may never end.
  auto permit = lists_.Admit(identity_);
  if (permit.ok()) {
    permit_ = *std::move(permit);
  } else {
    stream_->Finish(permit.status());
  }
}

absl::Status ControlCall::OnMessageStart(size_t size) {
  if (std::exchange(requested_, true))
    return absl::InvalidArgumentError("a second request in a call that has one");
  if (size > kMaxRequest)
    return absl::InvalidArgumentError("a request of " + std::to_string(size) + " bytes");
  return absl::OkStatus();
}

absl::Status ControlCall::OnMessageBytes(std::span<const uint8_t> bytes) {
  if (permit_ == nullptr) return absl::OkStatus();
  request_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return absl::OkStatus();
}

absl::StatusOr<ControlLists::Request> ControlCall::ParseRequest() const {
  if (!requested_) return absl::InvalidArgumentError("the call has no request");
  if (list_ == ControlLists::List::kClusters) return ControlLists::Request{list_, ""};
  control::GetSessionsRequest request;
  if (!request.ParseFromString(request_))
    return absl::InvalidArgumentError("the request is not what the method takes");
  return ControlLists::Request{list_, request.cluster()};
}

void ControlCall::OnRemoteEnd(const absl::Status&) {
  if (permit_ == nullptr) return;
  auto request = ParseRequest();
  if (!request.ok()) {
    stream_->Finish(request.status());
    return;
  }
  lists_.Get(*std::move(request), permit_,
             [self = self_, &scheduler = stream_->scheduler()](ControlLists::Answer answer) {
               scheduler.Post([self, answer = std::move(answer)] {
                 if (*self != nullptr) (*self)->OnAnswer(answer);
               });
             });
}

void ControlCall::OnAnswer(const ControlLists::Answer& answer) {
  if (!answer.ok()) {
    stream_->Finish(answer.status());
    return;
  }
  answer_ = *answer;
  stream_->SendHeaders({});
  stream_->Finish(absl::OkStatus());
}

void ControlCall::Produce(net::MessageBatch& batch) {
  if (answer_ == nullptr) return;
  const auto* bytes = reinterpret_cast<const uint8_t*>(answer_->data());
  sent_ += batch.AddPart({bytes + sent_, answer_->size() - sent_});
}

void ControlCall::OnClosed(const absl::Status&) {
  *self_ = nullptr;
  deadline_.reset();
}

}  // namespace hawser::hub
