#include "lib/net/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace hawser::net {

std::string EndpointText(const asio::ip::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + host + "]:" + port : host + ":" + port;
}

std::string PeerAddress(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return "a lost peer";
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(address.sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
    const std::string port = ":" + std::to_string(ntohs(address.sin6_port));
    if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) {
      // A listener on [::] sees IPv4 peers so; people call them by their IPv4 address.
      ::inet_ntop(AF_INET, &address.sin6_addr.s6_addr[12], text, sizeof text);
      return text + port;
    }
    ::inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]" + port;
  }
  return storage.ss_family == AF_UNIX ? "unix" : "a lost peer";
}

std::string PeerNetwork(const std::string& peer_address) {
  std::string host = peer_address.substr(0, peer_address.rfind(':'));
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') return host;
  host = host.substr(1, host.size() - 2);
  in6_addr address;
  char text[INET6_ADDRSTRLEN] = "";
  if (::inet_pton(AF_INET6, host.c_str(), &address) != 1) return host;
  std::memset(&address.s6_addr[8], 0, 8);
  ::inet_ntop(AF_INET6, &address, text, sizeof text);
  return std::string(text) + "/64";
}

absl::StatusOr<asio::ip::tcp::endpoint> BindEndpoint(const std::string& address, uint16_t port) {
  if (address.empty()) {
    // Without IPv6 in the kernel, all addresses are those of IPv4.
    const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return asio::ip::tcp::endpoint(asio::ip::tcp::v4(), port);
    ::close(fd);
    return asio::ip::tcp::endpoint(asio::ip::tcp::v6(), port);
  }
  const bool bracketed = address.size() > 2 && address.front() == '[' && address.back() == ']';
  asio::error_code error;
  const auto ip =
      asio::ip::make_address(bracketed ? address.substr(1, address.size() - 2) : address, error);
  if (error) return absl::InvalidArgumentError("bind address '" + address + "': not an ip address");
  return asio::ip::tcp::endpoint(ip, port);
}

absl::StatusOr<sockaddr_un> UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return absl::InvalidArgumentError("unix socket path '" + path + "': empty or too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace hawser::net
