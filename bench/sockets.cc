#include "bench/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace hawser::bench {
namespace {

constexpr size_t kMaxHead = 16 * 1024;

int Check(int result, const std::string& what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

void SetOption(const Fd& fd, int level, int option, int value) {
  Check(setsockopt(fd.get(), level, option, &value, sizeof value), "setsockopt");
}

sockaddr_in TcpAddress(const std::string& address, uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1) {
    throw std::runtime_error("not an IPv4 address: " + address);
  }
  return result;
}

template <typename Address>
void Connect(const Fd& fd, const Address& address, const std::string& name) {
  Check(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
        "connect to " + name);
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  Check(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  Check(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

Fd ListenTcp(const std::string& address, uint16_t port, bool shared) {
  Fd fd(Check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (shared) SetOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  const sockaddr_in bound = TcpAddress(address, port);
  Check(bind(fd.get(), reinterpret_cast<const sockaddr*>(&bound), sizeof bound),
        "bind " + address + ":" + std::to_string(port));
  Check(listen(fd.get(), SOMAXCONN), "listen");
  return fd;
}

uint16_t BoundPort(const Fd& listener) {
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  Check(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size), "getsockname");
  return ntohs(bound.sin_port);
}

Fd ConnectTo(const std::string& address, int receive_buffer) {
  constexpr std::string_view kUnix = "unix:";
  const bool is_unix = address.compare(0, kUnix.size(), kUnix) == 0;
  Fd fd(Check(socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  if (receive_buffer > 0) SetOption(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer);
  if (is_unix) {
    sockaddr_un peer{};
    peer.sun_family = AF_UNIX;
    if (address.size() - kUnix.size() >= sizeof peer.sun_path) {
      throw std::runtime_error("path too long for a Unix socket: " + address);
    }
    address.copy(peer.sun_path, sizeof peer.sun_path, kUnix.size());
    Connect(fd, peer, address);
    return fd;
  }
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("no port in address: " + address);
  const auto port = static_cast<uint16_t>(std::stoul(address.substr(colon + 1)));
  Connect(fd, TcpAddress(address.substr(0, colon), port), address);
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  return fd;
}

void SendAll(const Fd& fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    bytes.remove_prefix(Check(static_cast<int>(sent), "send"));
  }
}

std::string ReceiveExactly(const Fd& fd, size_t size) {
  std::string bytes(size, '\0');
  size_t received = 0;
  while (received < size) {
    const ssize_t more = recv(fd.get(), bytes.data() + received, size - received, 0);
    if (Check(static_cast<int>(more), "receive") == 0) {
      throw std::runtime_error("connection ended after " + std::to_string(received) + " of " +
                               std::to_string(size) + " bytes");
    }
    received += more;
  }
  return bytes;
}

std::string ReceiveHead(const Fd& fd) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  std::string head;
  std::string peeked(kMaxHead, '\0');
  while (head.size() < kMaxHead) {
    const ssize_t more = recv(fd.get(), peeked.data(), peeked.size(), MSG_PEEK);
    if (Check(static_cast<int>(more), "receive head") == 0) {
      throw std::runtime_error("connection ended within an HTTP head: " + head);
    }
    // What was peeked belongs to the head up to its end; the bytes behind it stay in the socket.
    const size_t before = head.size();
    head.append(peeked, 0, more);
    const size_t end = head.find(kEnd);
    if (end != std::string::npos) head.resize(end + kEnd.size());
    ReceiveExactly(fd, head.size() - before);
    if (end != std::string::npos) return head;
  }
  throw std::runtime_error("HTTP head too long");
}

}  // namespace hawser::bench
