#include "lib/net/dns/address_order.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/ip/network_v6.hpp>
#include <asio/ip/udp.hpp>
#include <tuple>

namespace hawser::net::dns {
namespace {

using asio::ip::address;
using asio::ip::address_v6;

// RFC 6724, 2.1; the first that contains an address counts.
struct Policy {
  const char* prefix;
  unsigned short bits;
  int precedence;
  int label;
};
constexpr Policy kPolicies[] = {
    {"::1", 128, 50, 0},   {"::ffff:0:0", 96, 35, 4}, {"::", 96, 1, 3},
    {"2001::", 32, 5, 5},  {"2002::", 16, 30, 2},     {"3ffe::", 16, 1, 12},
    {"fec0::", 10, 1, 11}, {"fc00::", 7, 3, 13},      {"::", 0, 40, 1},
};

address_v6 Mapped(const address& a) {
  return a.is_v6() ? a.to_v6() : asio::ip::make_address_v6(asio::ip::v4_mapped, a.to_v4());
}

size_t CommonPrefix(const address_v6& a, const address_v6& b) {
  const auto x = a.to_bytes(), y = b.to_bytes();
  size_t bits = 0;
  while (bits < 128) {
    const unsigned mask = 0x80u >> bits % 8;
    if (((x[bits / 8] ^ y[bits / 8]) & mask) != 0) break;
    ++bits;
  }
  return bits;
}

const Policy& PolicyOf(const address& a) {
  return *std::find_if(std::begin(kPolicies), std::end(kPolicies), [&](const Policy& policy) {
    return CommonPrefix(Mapped(a), asio::ip::make_address_v6(policy.prefix)) >= policy.bits;
  });
}

// RFC 6724, 3.1 and 3.2.
int ScopeOf(const address& a) {
  constexpr int kLinkLocal = 0x2, kSiteLocal = 0x5, kGlobal = 0xe;
  if (a.is_loopback()) return kLinkLocal;
  if (a.is_v4()) return (a.to_v4().to_uint() >> 16) == 0xa9fe ? kLinkLocal : kGlobal;
  const address_v6 v6 = a.to_v6();
  if (v6.is_multicast()) return v6.to_bytes()[1] & 0xf;
  if (v6.is_link_local()) return kLinkLocal;
  return v6.is_site_local() ? kSiteLocal : kGlobal;
}

// The smaller, the better: rules 1, 2, 5, 6, 8 and 9.
using Rank = std::tuple<bool, bool, bool, int, int, int>;

Rank RankOf(const address& destination, const SourceOf& source_of) {
  const auto source = source_of(destination);
  const Policy& policy = PolicyOf(destination);
  const int scope = ScopeOf(destination);
  // With IPv4 a longer prefix in common says nothing about distance, so it would only defeat the
  // order of the name server, which spreads load.
  const bool compares = source && destination.is_v6() && source->is_v6();
  const int prefix = compares ? static_cast<int>(std::min<size_t>(
                                    CommonPrefix(destination.to_v6(), source->to_v6()), 64))
                              : 0;
  return {!source,
          source && ScopeOf(*source) != scope,
          source && PolicyOf(*source).label != policy.label,
          -policy.precedence,
          scope,
          -prefix};
}

}  // namespace

std::optional<address> SourceFor(const address& destination) {
  const asio::ip::udp::endpoint target(destination, 9);  // any port: nothing is sent
  const int fd = ::socket(target.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  asio::ip::udp::endpoint source;
  socklen_t size = static_cast<socklen_t>(source.capacity());
  const bool found = ::connect(fd, target.data(), static_cast<socklen_t>(target.size())) == 0 &&
                     ::getsockname(fd, source.data(), &size) == 0;
  ::close(fd);
  if (!found) return std::nullopt;
  return source.address();
}

std::vector<std::vector<address>> OrderAddresses(const std::vector<address>& addresses,
                                                 const SourceOf& source_of) {
  if (addresses.size() < 2) return {addresses};
  std::vector<std::pair<Rank, address>> ranked;
  for (const address& each : addresses) ranked.emplace_back(RankOf(each, source_of), each);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::vector<address>> groups;
  for (size_t i = 0; i < ranked.size(); ++i) {
    if (i == 0 || ranked[i].first != ranked[i - 1].first) groups.emplace_back();
    groups.back().push_back(ranked[i].second);
  }
  return groups;
}

}  // namespace hawser::net::dns
