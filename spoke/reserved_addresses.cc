#include "spoke/reserved_addresses.h"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace hawser::spoke {
namespace {

using asio::ip::address;
using net::Cidr;
using Ranges = std::vector<Cidr>;

Ranges Parsed(std::initializer_list<const char*> texts) {
  Ranges ranges;
  for (const char* text : texts) ranges.push_back(Cidr::Parse(text).value());
  return ranges;
}

// Metadata services outside of link-local addresses: Azure, Alibaba, Oracle, AWS, Google.
const Ranges& Guarded() {
  static const Ranges kRanges =
      Parsed({"169.254.0.0/16", "fe80::/10", "168.63.129.16", "100.100.100.200", "192.0.0.192",
              "fd00:ec2::254", "fd20:ce::254"});
  return kRanges;
}

const Ranges& Loopback() {
  static const Ranges kRanges = Parsed({"127.0.0.0/8", "0.0.0.0/8", "::1", "::"});
  return kRanges;
}

bool IsIn(const Ranges& ranges, const address& address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Cidr& range) { return range.Contains(address); });
}

}  // namespace

bool IsGuarded(const address& address) { return IsIn(Guarded(), address); }

bool IsLoopback(const address& address) { return IsIn(Loopback(), address); }

bool IsReserved(const Cidr& range) {
  const auto holds = [&range](const Cidr& reserved) { return range.Within(reserved); };
  return std::any_of(Guarded().begin(), Guarded().end(), holds) ||
         std::any_of(Loopback().begin(), Loopback().end(), holds);
}

std::vector<address> Translated(const address& address) {
  static const Ranges kWellKnown = Parsed({"64:ff9b::/96"}), kLocal = Parsed({"64:ff9b:1::/48"});
  if (!address.is_v6()) return {};
  // Where the four bytes are, for prefixes of 96 bits and of 48, 56 and 64; byte 8 is not used.
  using Places = std::array<int, 4>;
  static constexpr Places kPlaces[] = {
      {12, 13, 14, 15}, {6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}};
  const size_t count = IsIn(kWellKnown, address) ? 1 : IsIn(kLocal, address) ? 4 : 0;
  const auto bytes = address.to_v6().to_bytes();
  std::vector<asio::ip::address> translated;
  for (size_t i = 0; i < count; ++i) {
    asio::ip::address_v4::bytes_type v4;
    for (size_t byte = 0; byte < 4; ++byte) v4[byte] = bytes[kPlaces[i][byte]];
    // With another prefix than the network's the bytes are mostly zeros, which lead nowhere.
    if (v4[0] != 0) translated.emplace_back(asio::ip::address_v4(v4));
  }
  return translated;
}

}  // namespace hawser::spoke
