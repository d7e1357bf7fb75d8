// The way to the hub's front end: name, TCP and TLS, or a Unix socket.
//
// Threads: the loop's.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/host_port.h"
#include "lib/base/scheduler.h"
#include "lib/net/dialer.h"
#include "lib/net/event_loop.h"
#include "lib/net/resolver.h"
#include "lib/net/socket.h"
#include "lib/net/tls_context.h"
#include "lib/net/tls_handshake.h"

namespace hawser::client {

class Connector {
 public:
  // `hub`: "host:port", which needs `tls.ca`, or "unix:/path". kInvalidArgument for anything else;
  // files that cannot be used are errors that name the file.
  static absl::StatusOr<std::unique_ptr<Connector>> Make(net::EventLoop& loop,
                                                         const std::string& hub,
                                                         const net::TlsFiles& tls);
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;
  ~Connector();

  // `done` runs exactly once, in a later turn, unless Cancel() or destruction comes first. One
  // attempt at a time, within `timeout` in total.
  void Connect(base::Duration timeout, net::SocketReady done);
  void Cancel();

  // As given.
  const std::string& hub() const { return hub_; }
  // Of requests; what gRPC says on Unix sockets, whose paths are no authorities.
  std::string authority() const { return path_.empty() ? hub_ : "localhost"; }

 private:
  Connector(net::EventLoop& loop, std::string hub)
      : loop_(loop), hub_(std::move(hub)), later_(loop), resolver_(loop) {}
  void ConnectUnix();
  void Resolve();
  void ConnectTcp(const std::vector<asio::ip::address>& addresses);
  void Handshake(int fd);
  base::Duration TimeLeft() const { return expires_ - loop_.Now(); }
  void Done(absl::StatusOr<std::unique_ptr<net::Socket>> socket);

  net::EventLoop& loop_;
  const std::string hub_;
  std::string path_;        // of a Unix socket; otherwise
  base::HostPort address_;  // with TLS
  std::shared_ptr<net::TlsContext> tls_;

  // The attempt.
  base::Time expires_;
  net::SocketReady done_;
  base::Timer later_;
  net::Resolver resolver_;
  std::unique_ptr<net::Lookup> lookup_;
  std::unique_ptr<net::ConnectAttempt> connecting_;
  std::shared_ptr<Connector*> handshake_;  // cannot be cancelled, only forgotten
};

}  // namespace hawser::client
