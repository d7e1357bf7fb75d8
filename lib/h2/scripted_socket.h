// A socket whose other end is a program of the test's, without a kernel in between: for fuzzing,
// where a run must cost microseconds and depend on nothing but its input.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "lib/net/socket.h"

namespace hawser::h2 {

// The other end of a ScriptedSocket.
class ScriptedPeer {
 public:
  virtual ~ScriptedPeer() = default;
  // Writes what it says next into `space` and returns how much that is; 0: it hangs up; nothing: it
  // wants to be asked again in a later turn.
  virtual std::optional<size_t> Say(std::span<uint8_t> space) = 0;
  // False: it does not take the bytes, now or later.
  virtual bool Hear(std::span<const iovec> bytes) = 0;
};

class ScriptedSocket final : public net::Socket {
 public:
  // `peer` outlives this.
  ScriptedSocket(net::EventLoop& loop, ScriptedPeer& peer) : loop_(loop), peer_(peer) {}

  Result Read(std::span<uint8_t> space) override;
  Result Write(std::span<const iovec> bytes) override;
  size_t unwritten() const override { return 0; }
  void WaitReadable(base::Closure callback) override;
  void WaitWritable(base::Closure) override {}
  void WaitHangUp(base::Closure) override {}
  void StopWaiting() override {}
  void ShutdownWrite() override {}
  void Close() override { open_ = false; }
  void Abort() override { open_ = false; }
  bool open() const override { return open_; }
  Peer Look() const override { return Peer::kThere; }
  size_t Outstanding() const override { return 0; }
  absl::Status error() const override { return absl::OkStatus(); }
  int fd() const override { return -1; }
  net::EventLoop& loop() override { return loop_; }
  const net::PeerInfo& peer() const override { return info_; }

 protected:
  void Detach() override {}
  void Attach(net::EventLoop&) override {}

 private:
  net::EventLoop& loop_;
  ScriptedPeer& peer_;
  const net::PeerInfo info_;
  bool open_ = true;
  std::shared_ptr<void> alive_ = std::make_shared<char>();
};

}  // namespace hawser::h2
