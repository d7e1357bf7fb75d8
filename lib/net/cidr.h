// Ranges of addresses, of one family each. An IPv4-mapped IPv6 address is the IPv4 one.
#pragma once

#include <asio/ip/address.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace hawser::net {

// `address` without its zone, and as IPv4 when it is a mapped one.
asio::ip::address Canonical(const asio::ip::address& address);

class Cidr {
 public:
  // "10.0.0.0/8", "fd00::/8", or a single address; bits beyond the prefix are ignored.
  static absl::StatusOr<Cidr> Parse(const std::string& text);

  bool Contains(const asio::ip::address& address) const;
  // Every address of this range is in `other`.
  bool Within(const Cidr& other) const;

 private:
  Cidr(const asio::ip::address& first, unsigned length) : first_(first), length_(length) {}

  asio::ip::address first_;  // canonical; bits beyond the prefix mean nothing
  unsigned length_;          // of the prefix, in bits
};

}  // namespace hawser::net
