// Whatever a peer sends, a transport ends with a status and every call with it.
//
// The input's first byte chooses the side and what the handlers do, the second the length of the
// pieces that arrive; the rest is what the peer sends, after a valid preface if so chosen.
#include <glog/logging.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/h2/raw_http2.h"
#include "lib/h2/test_call.h"
#include "lib/h2/transport.h"
#include "lib/net/socket.h"

namespace hawser::h2 {
namespace {

enum Choice : uint8_t {
  kClient = 1,      // our side
  kPreface = 2,     // is sent by the peer first
  kEcho = 4,        // handlers answer messages
  kWithhold = 8,    // handlers hold on to what arrives
  kResetAll = 16,   // handlers reset their stream at its first message
  kBlocked = 32,    // the peer never reads
  kFinishAll = 64,  // handlers finish at once
};

// A socket whose peer says what the input says, and then hangs up.
class ScriptedSocket : public net::Socket {
 public:
  ScriptedSocket(net::EventLoop& loop, std::string script, size_t piece, bool blocked)
      : loop_(loop), script_(std::move(script)), piece_(piece), blocked_(blocked) {}

  Result Read(std::span<uint8_t> space) override {
    const size_t size = std::min({piece_, space.size(), script_.size() - read_});
    if (size == 0) return {Result::kEnd};
    std::memcpy(space.data(), script_.data() + read_, size);
    read_ += size;
    return {Result::kOk, size};
  }
  Result Write(std::span<const iovec> bytes) override {
    if (blocked_) return {Result::kWouldBlock};
    size_t size = 0;
    for (const iovec& piece : bytes) size += piece.iov_len;
    return {Result::kOk, size};
  }
  bool written() const override { return true; }
  void WaitReadable(base::Closure callback) override {
    loop_.Post(
        [this, alive = std::weak_ptr<void>(alive_), callback = std::move(callback)]() mutable {
          if (!alive.expired() && open_) callback();
        });
  }
  void WaitWritable(base::Closure) override {}
  void ShutdownWrite() override {}
  void Close() override { open_ = false; }
  void Abort() override { open_ = false; }
  bool open() const override { return open_; }
  bool HungUp() const override { return false; }
  absl::Status error() const override { return absl::OkStatus(); }
  int fd() const override { return -1; }
  net::EventLoop& loop() override { return loop_; }
  const net::PeerInfo& peer() const override { return peer_; }

 protected:
  void Detach() override {}
  void Attach(net::EventLoop&) override {}

 private:
  net::EventLoop& loop_;
  const std::string script_;
  const size_t piece_;
  const bool blocked_;
  const net::PeerInfo peer_;
  size_t read_ = 0;
  bool open_ = true;
  std::shared_ptr<void> alive_ = std::make_shared<char>();
};

std::shared_ptr<TestCall> MakeCall(uint8_t choices) {
  auto call = std::make_shared<TestCall>();
  TestCall* const raw = call.get();
  call->withhold = (choices & kWithhold) != 0;
  call->on_open = [raw, choices] {
    raw->stream->SendHeaders({});
    if ((choices & kFinishAll) != 0) raw->stream->Finish(absl::AbortedError("at once"));
  };
  call->on_message = [raw, choices] {
    if ((choices & kResetAll) != 0) raw->stream->Reset();
    if ((choices & kEcho) != 0) raw->Send(raw->received.back().substr(0, 4000));
  };
  call->on_remote_end = [raw] { raw->stream->Finish(absl::OkStatus()); };
  return call;
}

void Run(uint8_t choices, size_t piece, std::string script) {
  TestLoop loop;
  std::optional<absl::Status> closed;
  std::vector<std::shared_ptr<TestCall>> calls;
  const auto accept = [&](const std::string&, const net::Metadata&) {
    calls.push_back(MakeCall(choices));
    return calls.back()->Handler();
  };
  const auto on_closed = [&](const absl::Status& why) { closed = why; };
  auto socket =
      std::make_unique<ScriptedSocket>(*loop, std::move(script), piece, (choices & kBlocked) != 0);
  auto transport = (choices & kClient) != 0
                       ? Transport::Client(std::move(socket), {}, on_closed)
                       : Transport::Server(std::move(socket), {}, accept, on_closed);
  if ((choices & kClient) != 0) {
    loop.Do([&] {
      calls.push_back(MakeCall(choices));
      CHECK(transport->OpenStream("/x/Y", "hub", {}, calls.back()->Handler()).ok());
    });
  }
  CHECK(loop.Await([&] { return closed.has_value(); })) << "did not end";
  for (const auto& call : calls) CHECK(call->closed.has_value()) << "a call was forgotten";
}

}  // namespace
}  // namespace hawser::h2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hawser::h2;  // NOLINT: the target is theirs
  if (size < 2) return 0;
  const uint8_t choices = data[0];
  std::string script;
  if ((choices & kPreface) != 0)
    script = (choices & kClient) != 0 ? Frame(kSettings, kNoFlags, 0, "") : Preface();
  script.append(reinterpret_cast<const char*>(data) + 2, size - 2);
  Run(choices, size_t{1} + data[1] * size_t{16}, std::move(script));
  return 0;
}
