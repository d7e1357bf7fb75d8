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
#include <utility>
#include <vector>

#include "lib/h2/raw_http2.h"
#include "lib/h2/scripted_socket.h"
#include "lib/h2/test_call.h"
#include "lib/h2/transport.h"

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

// Says what the input says, in pieces, and then hangs up.
class Script final : public ScriptedPeer {
 public:
  Script(std::string script, size_t piece, bool blocked)
      : script_(std::move(script)), piece_(piece), blocked_(blocked) {}

  std::optional<size_t> Say(std::span<uint8_t> space) override {
    const size_t size = std::min({piece_, space.size(), script_.size() - said_});
    std::memcpy(space.data(), script_.data() + said_, size);
    said_ += size;
    return size;
  }
  bool Hear(std::span<const iovec>) override { return !blocked_; }

 private:
  const std::string script_;
  const size_t piece_;
  const bool blocked_;
  size_t said_ = 0;
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
  Script peer(std::move(script), piece, (choices & kBlocked) != 0);
  auto socket = std::make_unique<ScriptedSocket>(*loop, peer);
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
