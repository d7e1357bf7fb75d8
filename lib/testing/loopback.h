// The other end of sockets under test, and the loop that they share, run by the test itself.
//
//   net::EventLoop loop;
//   const auto [ours, theirs] = TcpPair();
//   LoopbackPeer peer(net::MakePlainSocket(loop, theirs));
//   peer.Send("hello");
//   RunUntil(loop, [&] { return peer.ended(); });
//
// Threads: the test's, which is the loop's.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "lib/net/byte_queue.h"
#include "lib/net/event_loop.h"
#include "lib/net/socket.h"

namespace hawser::testing {

// Runs the loop on this thread until `done()`. A test that waits in vain runs into its time limit.
template <typename Done>
void RunUntil(net::EventLoop& loop, Done done) {
  loop.io().restart();  // it stops when it runs out of work
  const auto work = asio::make_work_guard(loop.io());
  while (!done()) loop.io().run_one();
}

// Runs what is ready on the loop now.
inline void RunReady(net::EventLoop& loop) {
  loop.io().restart();
  while (loop.io().poll_one() != 0) {
  }
}

// Two connected descriptors.
std::pair<int, int> UnixPair();
std::pair<int, int> TcpPair();

// Sends what it is told to, and collects what it receives.
class LoopbackPeer {
 public:
  explicit LoopbackPeer(std::unique_ptr<net::Socket> socket);
  LoopbackPeer(const LoopbackPeer&) = delete;
  LoopbackPeer& operator=(const LoopbackPeer&) = delete;

  void Send(const std::string& bytes);
  // Half-closes when everything is out.
  void Finish();
  // Reads at most `bytes` more, then leaves the rest to the kernel.
  void ReadAtMost(size_t bytes);

  const std::string& received() const { return received_; }
  // The other side has finished sending, or is gone.
  bool ended() const { return ended_; }
  // Everything was handed to the kernel.
  bool sent() const { return unsent_.empty() && socket_->written(); }
  absl::Status error() const { return socket_->error(); }
  net::Socket& socket() { return *socket_; }

  // Called after something was received, the end included; may be empty.
  std::function<void()> on_received;

 private:
  void Read();
  void Write();

  std::unique_ptr<net::Socket> socket_;
  net::ByteQueue unsent_;
  std::string received_;
  size_t allowed_ = SIZE_MAX;
  bool reading_ = false;
  bool writing_ = false;
  bool finishing_ = false;
  bool ended_ = false;
};

}  // namespace hawser::testing
