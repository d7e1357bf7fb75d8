#include "lib/testing/stream_pair.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

namespace hawser::testing {

StreamPair::StreamPair(ManualScheduler& scheduler) : scheduler_(scheduler) {}

StreamPair::~StreamPair() { Lose(absl::CancelledError("test ended")); }

void StreamPair::Connect(std::unique_ptr<net::StreamHandler> client,
                         std::unique_ptr<net::StreamHandler> server, const net::Metadata& request) {
  client_.handler = std::move(client);
  server_.handler = std::move(server);
  client_.handler->OnOpen(client_, {});
  server_.handler->OnOpen(server_, request);
}

void StreamPair::End::SendHeaders(const net::Metadata& headers) {
  CHECK(!client && !std::exchange(answered, true)) << "only a server sends headers, and once";
  pair.scheduler_.Post([this, headers] {
    if (!pair.closed_) pair.client_.handler->OnHeaders(headers);
  });
}

void StreamPair::End::Withhold(size_t bytes) {
  CHECK_LE(bytes, handed_over) << "withheld more than is being handed over";
  handed_over -= bytes;
  withheld += bytes;
}

void StreamPair::End::Release(size_t bytes) {
  CHECK_LE(bytes, withheld) << "released more than was withheld";
  withheld -= bytes;
}

void StreamPair::End::Finish(const absl::Status& status) {
  if (finished) return;
  finished = true;
  End& other = client ? pair.server_ : pair.client_;
  pair.scheduler_.Post([this, &other, status] {
    if (pair.closed_) return;
    while (pair.Move(*this, other)) {
    }
    other.handler->OnRemoteEnd(status);
    if (!client) pair.LoseLater(status);
  });
}

void StreamPair::Run() {
  do {
    scheduler_.RunPosted();
  } while (Step() || scheduler_.has_posted());
}

bool StreamPair::Step() {
  const bool from_client = Move(client_, server_);
  const bool from_server = Move(server_, client_);
  return from_client || from_server;
}

bool StreamPair::Move(End& from, End& to) {
  if (closed_ || !from.awake || from.paused || to.withheld > withhold_limit_) return false;
  buffer_.resize(batch_);
  net::MessageBatch batch(buffer_.data(), buffer_.size());
  from.awake = false;
  from.handler->Produce(batch);
  if (batch.empty()) return false;
  from.awake = true;
  const uint8_t* at = buffer_.data();
  const uint8_t* const end = at + batch.size();
  while (at < end && !closed_) {
    const size_t size = size_t{at[1]} << 24 | size_t{at[2]} << 16 | size_t{at[3]} << 8 | at[4];
    at += net::MessageBatch::kPrefix;
    Hand(to, std::string(reinterpret_cast<const char*>(at), size));
    at += size;
  }
  scheduler_.flushes().Run();
  return true;
}

void StreamPair::Hand(End& to, const std::string& message) {
  absl::Status status = to.handler->OnMessageStart(message.size());
  for (size_t at = 0; status.ok() && at < message.size();) {
    const size_t take = std::min(piece_, message.size() - at);
    to.handed_over = take;
    status =
        to.handler->OnMessageBytes({reinterpret_cast<const uint8_t*>(message.data()) + at, take});
    to.handed_over = 0;
    at += take;
  }
  scheduler_.sinks().Run();
  if (!status.ok()) Lose(status);
}

void StreamPair::Inject(End& to, const std::string& message) {
  Hand(to, message);
  scheduler_.flushes().Run();
}

void StreamPair::LoseLater(const absl::Status& status) {
  scheduler_.Post([this, status] { Lose(status); });
}

void StreamPair::Lose(const absl::Status& status) {
  if (closed_) return;
  closed_ = true;
  status_ = status;
  for (End* end : {&client_, &server_}) {
    if (end->handler == nullptr) continue;
    while (!end->handler->EndSome(status)) {
    }
    end->handler->OnClosed(status);
    end->handler.reset();
  }
}

}  // namespace hawser::testing
