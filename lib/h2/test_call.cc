#include "lib/h2/test_call.h"

#include <glog/logging.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace hawser::h2 {

namespace {

// The pattern of TestCall::PatternByte(), which repeats, from any offset on.
std::span<const uint8_t> PatternAt(uint64_t offset, size_t size) {
  constexpr size_t kPeriod = 2048;
  constexpr size_t kLongest = 256 * 1024;
  static const auto* const pattern = [] {
    auto* bytes = new std::vector<uint8_t>(kPeriod + kLongest);
    for (size_t i = 0; i < bytes->size(); ++i) (*bytes)[i] = TestCall::PatternByte(i);
    return bytes;
  }();
  CHECK_LE(size, kLongest);
  return {pattern->data() + offset % kPeriod, size};
}

}  // namespace

bool TestLoop::Await(const std::function<bool()>& condition, std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition())
    if (loop_.io().run_one_until(deadline) == 0) return false;
  return true;
}

std::pair<int, int> SocketPair() {
  int ends[2];
  CHECK_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  return {ends[0], ends[1]};
}

// The handler proper: the transport destroys it, the call stays.
class TestCall::Recorder : public net::StreamHandler {
 public:
  explicit Recorder(std::shared_ptr<TestCall> call) : call_(std::move(call)) {}

  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override {
    call_->stream = &stream;
    call_->request = headers;
    if (call_->on_open) call_->on_open();
    if (!call_->outgoing_.empty() || call_->pattern_left_ > 0) stream.Wake();
  }

  void OnHeaders(const net::Metadata& headers) override { call_->response = headers; }

  void Produce(net::MessageBatch& batch) override {
    CHECK_GE(batch.space(), net::MessageStream::kMinBatch);
    if (call_->on_produce) call_->on_produce();
    auto& queue = call_->outgoing_;
    while (!queue.empty()) {
      const std::string& message = queue.front();
      if (!batch.Add({reinterpret_cast<const uint8_t*>(message.data()), message.size()})) return;
      queue.pop_front();
    }
    call_->ProducePattern(batch);
  }

  absl::Status OnMessageStart(size_t size) override {
    if (call_->on_message_start) {
      if (absl::Status status = call_->on_message_start(); !status.ok()) return status;
    }
    left_ = size;
    if (!call_->check_pattern) call_->received.emplace_back();
    if (left_ == 0 && call_->on_message) call_->on_message();
    return absl::OkStatus();
  }

  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override {
    if (call_->withhold) {
      call_->stream->Withhold(bytes.size());
      call_->withheld += bytes.size();
    }
    if (call_->check_pattern) {
      const auto expected = PatternAt(call_->pattern_received, bytes.size());
      call_->pattern_broken |= !std::equal(bytes.begin(), bytes.end(), expected.begin());
      call_->pattern_received += bytes.size();
    } else {
      call_->received.back().append(bytes.begin(), bytes.end());
    }
    left_ -= bytes.size();
    if (left_ == 0 && call_->on_message) call_->on_message();
    return absl::OkStatus();
  }

  void OnRemoteEnd(const absl::Status& status) override {
    CHECK(!call_->remote_end.has_value()) << "ended twice";
    call_->remote_end = status;
    if (call_->on_remote_end) call_->on_remote_end();
  }

  bool EndSome(const absl::Status&) override {
    CHECK(!call_->closed.has_value()) << "ended after OnClosed()";
    return !call_->end_some || call_->end_some();
  }

  void OnClosed(const absl::Status& status) override {
    CHECK(!call_->closed.has_value()) << "closed twice";
    call_->closed = status;
    if (call_->on_closed) call_->on_closed();
    call_->stream = nullptr;
  }

 private:
  const std::shared_ptr<TestCall> call_;
  size_t left_ = 0;
};

std::unique_ptr<net::StreamHandler> TestCall::Handler() {
  return std::make_unique<Recorder>(shared_from_this());
}

void TestCall::Send(std::string message) {
  CHECK_LE(message.size() + net::MessageBatch::kPrefix, net::MessageStream::kMinBatch);
  outgoing_.push_back(std::move(message));
  if (stream != nullptr) stream->Wake();
}

void TestCall::SendPattern(uint64_t bytes) {
  pattern_left_ += bytes;
  if (stream != nullptr) stream->Wake();
}

void TestCall::ProducePattern(net::MessageBatch& batch) {
  while (pattern_left_ > 0) {
    const std::span<uint8_t> space = batch.PayloadSpace(0);
    if (space.empty()) return;
    // Of varied lengths, so that messages and frames never coincide for long.
    const size_t wanted = std::min<uint64_t>(pattern_left_, 1 + pattern_sent % 9973);
    const size_t size = std::min(space.size(), wanted);
    std::memcpy(space.data(), PatternAt(pattern_sent, size).data(), size);
    batch.CommitPayload(0, {}, size);
    pattern_sent += size;
    pattern_left_ -= size;
  }
}

}  // namespace hawser::h2
