#include "lib/net/listener.h"

#include <fcntl.h>
#include <glog/logging.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "lib/base/status.h"
#include "lib/net/dead_peer.h"
#include "lib/net/socket_address.h"

namespace hawser::net {
namespace {

constexpr int kBacklog = 4096;
// Connections accepted before others on the loop get their turn.
constexpr int kAcceptsPerTurn = 64;
// After a shortage that accepting cannot cure.
constexpr base::Duration kRetryAfter = std::chrono::milliseconds(20);

absl::Status BindError(const std::string& address, int error) {
  if (error == EADDRINUSE)
    return absl::AlreadyExistsError("listen on " + address + ": the address is in use");
  if (error == EADDRNOTAVAIL)
    return absl::FailedPreconditionError("listen on " + address + ": not an address of this host");
  return base::ErrnoStatus(error, "listen on " + address);
}

int OpenReserve() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

absl::StatusOr<int> BindTcp(const asio::ip::tcp::endpoint& endpoint, bool reuse_port) {
  const int fd =
      ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return base::ErrnoStatus(errno, "listen on " + EndpointText(endpoint));
  const int on = 1, off = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (reuse_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (endpoint.address().is_v6()) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  DetectDeadPeer(fd);
  if (::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    const int error = errno;
    ::close(fd);
    return BindError(EndpointText(endpoint), error);
  }
  return fd;
}

// Whether somebody listens on the socket file.
bool IsLive(const sockaddr_un& address) {
  // Non-blocking: with a full backlog it would wait, and that is a live one.
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  const auto close = absl::MakeCleanup([fd] { ::close(fd); });
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno != ECONNREFUSED;
}

absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode))
    return absl::AlreadyExistsError("listen on unix:" + path + ": the file is not a socket");
  if (IsLive(address))
    return absl::AlreadyExistsError("listen on unix:" + path + ": another process listens on it");
  if (::unlink(path.c_str()) != 0) return base::ErrnoStatus(errno, "remove stale socket " + path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Tcp(EventLoop& loop,
                                                        const asio::ip::tcp::endpoint& endpoint) {
  return Bind(loop, endpoint, false);
}

absl::StatusOr<std::vector<std::unique_ptr<Listener>>> Listener::TcpOnEach(
    std::span<EventLoop* const> loops, const asio::ip::tcp::endpoint& endpoint) {
  // With SO_REUSEPORT a second process on the same port would succeed in silence, so the address
  // is tried without it first.
  asio::ip::tcp::endpoint chosen = endpoint;
  {
    HAWSER_ASSIGN_OR_RETURN(const auto probe, Bind(*loops.front(), endpoint, false));
    chosen.port(probe->port());
  }
  std::vector<std::unique_ptr<Listener>> listeners;
  for (EventLoop* loop : loops) {
    HAWSER_ASSIGN_OR_RETURN(auto listener, Bind(*loop, chosen, true));
    listeners.push_back(std::move(listener));
  }
  return listeners;
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Bind(EventLoop& loop,
                                                         const asio::ip::tcp::endpoint& endpoint,
                                                         bool reuse_port) {
  HAWSER_ASSIGN_OR_RETURN(const int fd, BindTcp(endpoint, reuse_port));
  asio::ip::tcp::endpoint bound = endpoint;
  socklen_t size = static_cast<socklen_t>(bound.capacity());
  ::getsockname(fd, bound.data(), &size);
  std::unique_ptr<Listener> listener(new Listener(loop, fd, ""));
  listener->address_ = EndpointText(bound);
  listener->port_ = bound.port();
  return listener;
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Unix(EventLoop& loop, const std::string& path,
                                                         mode_t mode, bool replace_stale) {
  HAWSER_ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  if (replace_stale) HAWSER_RETURN_IF_ERROR(RemoveStale(path, address));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return base::ErrnoStatus(errno, "listen on unix:" + path);
  // Nobody connects before listen(), so the mode is right in time.
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), mode) != 0 || ::listen(fd, kBacklog) != 0) {
    const int error = errno;
    ::close(fd);
    return BindError("unix:" + path, error);
  }
  std::unique_ptr<Listener> listener(new Listener(loop, fd, path));
  listener->address_ = "unix:" + path;
  return listener;
}

Listener::Listener(EventLoop& loop, int fd, std::string path)
    : watch_(loop, fd), path_(std::move(path)), reserve_(OpenReserve()), retry_(loop) {}

Listener::~Listener() { Stop(); }

void Listener::Start(Accepted accepted) {
  accepted_ = std::move(accepted);
  watch_.WaitReadable([this] { Accept(); });
}

void Listener::Stop() {
  if (watch_.open() && !path_.empty()) ::unlink(path_.c_str());
  watch_.Close();
  retry_.Cancel();
  if (reserve_ >= 0) ::close(std::exchange(reserve_, -1));
}

void Listener::Accept() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (!AcceptOne()) break;
    if (!watch_.open()) return;  // stopped by the callback
  }
  if (!retry_.armed()) watch_.WaitReadable([this] { Accept(); });
}

bool Listener::AcceptOne() {
  const int fd = ::accept4(watch_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    accepted_(fd);
    return true;
  }
  switch (errno) {
    case EAGAIN: return false;
    case EMFILE:
    case ENFILE:
      if (RefuseOne()) return true;
      [[fallthrough]];
    case ENOBUFS:
    case ENOMEM: retry_.Set(kRetryAfter, [this] { Accept(); }); return false;
    default:
      return true;  // the connection is gone already (ECONNABORTED and others); take the next
  }
}

bool Listener::RefuseOne() {
  LOG_EVERY_T(WARNING, 10) << "out of file descriptors: connections to " << address_
                           << " are refused";
  if (reserve_ >= 0) ::close(reserve_);
  const int fd = ::accept4(watch_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) ::close(fd);
  reserve_ = OpenReserve();
  return fd >= 0;
}

}  // namespace hawser::net
