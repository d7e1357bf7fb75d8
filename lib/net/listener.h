// Accepts connections on a TCP address or a Unix socket.
//
// Threads: the loop's. The accept loop survives whatever accept() reports: when descriptors run
// out, waiting connections are accepted on a reserved one and closed, so that they fail at once
// instead of hanging.
#pragma once

#include <sys/types.h>

#include <asio/ip/tcp.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/net/descriptor_watch.h"
#include "lib/net/event_loop.h"
#include "lib/net/socket_address.h"

namespace hawser::net {

class Listener {
 public:
  // Owns the accepted descriptor, which is non-blocking.
  using Accepted = absl::AnyInvocable<void(int fd)>;

  // Port 0 takes a free one. kAlreadyExists when the address is in use.
  static absl::StatusOr<std::unique_ptr<Listener>> Tcp(EventLoop& loop,
                                                       const asio::ip::tcp::endpoint& endpoint);
  // One listener per loop on the same address; the kernel spreads the connections.
  static absl::StatusOr<std::vector<std::unique_ptr<Listener>>> TcpOnEach(
      std::span<EventLoop* const> loops, const asio::ip::tcp::endpoint& endpoint);
  // A socket file that nobody listens on is replaced when `replace_stale`; one in use is an error.
  static absl::StatusOr<std::unique_ptr<Listener>> Unix(EventLoop& loop, const std::string& path,
                                                        mode_t mode = 0600,
                                                        bool replace_stale = true);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  // Stops, and removes the file of a Unix socket.
  ~Listener();

  // Calls `accepted` for each connection, as a turn.
  void Start(Accepted accepted);
  // Accepts no more. Connections that the kernel has queued are reset.
  void Stop();
  // "127.0.0.1:8091", "[::]:8091" or "unix:/run/hub.sock", with the port that was chosen.
  const std::string& address() const { return address_; }
  uint16_t port() const { return port_; }

 private:
  Listener(EventLoop& loop, int fd, std::string path);
  static absl::StatusOr<std::unique_ptr<Listener>> Bind(EventLoop& loop,
                                                        const asio::ip::tcp::endpoint& endpoint,
                                                        bool reuse_port);
  void Accept();
  // False when nothing can be accepted now.
  bool AcceptOne();
  // On the reserved descriptor; false when that is not to be had either, or nobody waits.
  bool RefuseOne();

  DescriptorWatch watch_;
  const std::string path_;  // of a Unix socket
  std::string address_;
  uint16_t port_ = 0;
  int reserve_;  // given up for a moment when descriptors run out
  base::Timer retry_;
  Accepted accepted_;
};

}  // namespace hawser::net
