#include "lib/net/page_port.h"

#include <utility>

#include "lib/base/status.h"
#include "lib/net/socket_address.h"

namespace hawser::net {

absl::StatusOr<std::unique_ptr<PagePort>> PagePort::Listen(EventLoop& loop,
                                                           const base::HostPort& address) {
  HAWSER_ASSIGN_OR_RETURN(const auto endpoint, BindEndpoint(address.host, address.port));
  HAWSER_ASSIGN_OR_RETURN(auto listener, Listener::Tcp(loop, endpoint));
  return std::unique_ptr<PagePort>(new PagePort(loop, std::move(listener)));
}

absl::StatusOr<std::unique_ptr<PagePort>> PagePort::ListenUnix(EventLoop& loop,
                                                               const std::string& path) {
  HAWSER_ASSIGN_OR_RETURN(auto listener, Listener::Unix(loop, path));
  return std::unique_ptr<PagePort>(new PagePort(loop, std::move(listener)));
}

PagePort::PagePort(EventLoop& loop, std::unique_ptr<Listener> listener)
    : pages_(loop, {}), listener_(std::move(listener)) {
  listener_->Start([this](int fd) { pages_.Serve(fd); });
}

}  // namespace hawser::net
