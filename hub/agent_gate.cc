#include "hub/agent_gate.h"

#include <utility>

#include "absl/strings/match.h"

namespace hawser::hub {

std::string BearerToken(const net::Metadata& headers) {
  constexpr char kScheme[] = "bearer ";
  constexpr size_t kLength = sizeof(kScheme) - 1;
  const std::string value = headers.Get("authorization");
  return absl::EqualsIgnoreCase(value.substr(0, kLength).c_str(), kScheme) ? value.substr(kLength)
                                                                           : "";
}

AgentGate::AgentGate(TokenAuthenticator& authenticator, std::string token, Ways ways)
    : authenticator_(authenticator), token_(std::move(token)), ways_(std::move(ways)) {}

void AgentGate::OnOpen(net::MessageStream& stream, const net::Metadata& headers) {
  stream_ = &stream;
  headers_ = headers;
  base::Scheduler& scheduler = stream.scheduler();
  deadline_ = std::make_unique<base::Timer>(scheduler);
  if (token_.empty()) {
    Decide(absl::UnauthenticatedError("it sent no token"));
    return;
  }
  deadline_->Set(TokenAuthenticator::kTimeout, [this] {
    Decide(absl::UnavailableError("its token could not be checked in time"));
  });
  self_ = std::make_shared<AgentGate*>(this);
  authenticator_.Authenticate(
      std::exchange(token_, ""),
      [&scheduler, weak = std::weak_ptr<AgentGate*>(self_)](const absl::Status& verdict) {
        scheduler.Post([weak, verdict] {
          if (const auto self = weak.lock()) (*self)->Decide(verdict);
        });
      });
}

void AgentGate::Decide(const absl::Status& verdict) {
  deadline_->Cancel();
  self_.reset();
  net::MessageStream& stream = *std::exchange(stream_, nullptr);
  if (verdict.ok()) {
    session_ = ways_.open();
    session_->OnOpen(stream, headers_);
  } else {
    stream.Finish(ways_.refuse(verdict));
  }
}

void AgentGate::Produce(net::MessageBatch& batch) {
  if (session_ != nullptr) session_->Produce(batch);
}

absl::Status AgentGate::OnMessageStart(size_t size) {
  if (session_ != nullptr) return session_->OnMessageStart(size);
  return absl::InvalidArgumentError("a packet of an agent that was not let in");
}

absl::Status AgentGate::OnMessageBytes(std::span<const uint8_t> bytes) {
  return session_ != nullptr ? session_->OnMessageBytes(bytes) : absl::OkStatus();
}

void AgentGate::OnRemoteEnd(const absl::Status& status) {
  if (session_ != nullptr) {
    session_->OnRemoteEnd(status);
  } else if (stream_ != nullptr) {
    stream_->Finish(status);
  }
}

bool AgentGate::EndSome(const absl::Status& status) {
  return session_ == nullptr || session_->EndSome(status);
}

void AgentGate::OnClosed(const absl::Status& status) {
  self_.reset();
  deadline_.reset();
  stream_ = nullptr;
  if (session_ != nullptr) session_->OnClosed(status);
}

}  // namespace hawser::hub
