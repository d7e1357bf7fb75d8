// One question and its answer over TCP (RFC 7766), for answers that no datagram holds.
//
// Threads: the loop's. `done` runs once, in a later turn, with the bytes of the answer or with what
// the connection ended with; never after the exchange was destroyed, which cancels it.
#pragma once

#include <asio/ip/udp.hpp>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/net/descriptor_watch.h"
#include "lib/net/dialer.h"
#include "lib/net/event_loop.h"

namespace hawser::net::dns {

class StreamExchange {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::string>)>;

  StreamExchange(EventLoop& loop, const asio::ip::udp::endpoint& server, const std::string& query,
                 base::Duration deadline, Done done);
  StreamExchange(const StreamExchange&) = delete;
  StreamExchange& operator=(const StreamExchange&) = delete;

 private:
  void OnConnected(absl::StatusOr<int> fd);
  void Write();
  void Read();
  void Finish(absl::StatusOr<std::string> result);

  EventLoop& loop_;
  std::string unsent_;
  std::string received_;
  Done done_;
  std::unique_ptr<ConnectAttempt> attempt_;
  std::unique_ptr<DescriptorWatch> watch_;
  base::Timer deadline_;
};

}  // namespace hawser::net::dns
