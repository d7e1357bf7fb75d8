#include "spoke/own_addresses.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <asio/ip/udp.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/quote.h"
#include "lib/net/cidr.h"

namespace hawser::spoke {
namespace {

using asio::ip::address;

// Costs three system calls, and answers for nearly all addresses; a list of all interfaces takes
// long where there are thousands.
bool CannotBeOurs(const address& address) {
  const asio::ip::udp::endpoint endpoint(address, 0);
  const int fd = socket(endpoint.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno == EAFNOSUPPORT;
  const bool refused = bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 &&
                       errno == EADDRNOTAVAIL;
  close(fd);
  return refused;
}

address AddressOf(const sockaddr& raw) {
  if (raw.sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &raw, sizeof(v4));
    return asio::ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  sockaddr_in6 v6;
  std::memcpy(&v6, &raw, sizeof(v6));
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return asio::ip::address_v6(bytes);
}

bool IsOnInterface(const address& address) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return true;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    const int family = entry->ifa_addr->sa_family;
    if ((family == AF_INET || family == AF_INET6) && AddressOf(*entry->ifa_addr) == address)
      return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<OwnAddresses> OwnAddresses::FromEnvironment() {
  std::vector<address> node;
  for (const char* name : {"HOST_IP", "HOST_IPS"}) {
    const char* value = std::getenv(name);
    if (value == nullptr) continue;
    const std::vector<std::string> texts = absl::StrSplit(value, ',', absl::SkipEmpty());
    for (const std::string& text : texts) {
      asio::error_code error;
      const address parsed = asio::ip::make_address(text, error);
      if (error)
        return absl::InvalidArgumentError(
            absl::StrCat("environment variable ", name, ": ", base::Quote(text), " is no address"));
      node.push_back(net::Canonical(parsed));
    }
  }
  return OwnAddresses(std::move(node));
}

bool OwnAddresses::Contains(const address& address) const {
  if (std::find(node_.begin(), node_.end(), address) != node_.end()) return true;
  return !CannotBeOurs(address) && IsOnInterface(address);
}

}  // namespace hawser::spoke
