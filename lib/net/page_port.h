// A TCP port or a Unix socket that serves pages: an Http1Server and the listener that feeds it.
//
//   auto health = PagePort::Listen(loop, {"", 8093});
//   (*health)->pages().Handle("/healthz", ...);
//
// Threads: the loop's (or before it runs).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/host_port.h"
#include "lib/net/event_loop.h"
#include "lib/net/http1_server.h"
#include "lib/net/listener.h"

namespace hawser::net {

class PagePort {
 public:
  // `address` as BindEndpoint() takes it. Serves from now on.
  static absl::StatusOr<std::unique_ptr<PagePort>> Listen(EventLoop& loop,
                                                          const base::HostPort& address);

  // A Unix socket that only this user may open; a stale one is replaced.
  static absl::StatusOr<std::unique_ptr<PagePort>> ListenUnix(EventLoop& loop,
                                                              const std::string& path);

  Http1Server& pages() { return pages_; }
  // With the port that was chosen; "unix:/path".
  const std::string& address() const { return listener_->address(); }

 private:
  PagePort(EventLoop& loop, std::unique_ptr<Listener> listener);

  Http1Server pages_;
  const std::unique_ptr<Listener> listener_;
};

}  // namespace hawser::net
