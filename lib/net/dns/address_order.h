// The order in which to try the addresses of a name (RFC 6724).
#pragma once

#include <asio/ip/address.hpp>
#include <functional>
#include <optional>
#include <vector>

namespace hawser::net::dns {

// What this machine would send from to an address; nothing when it has no way there. A system call
// or two.
std::optional<asio::ip::address> SourceFor(const asio::ip::address& destination);

using SourceOf = std::function<std::optional<asio::ip::address>(const asio::ip::address&)>;

// `addresses` by RFC 6724, section 6, in groups of equal rank: within one the order does not
// matter. Rules about the interface (deprecated, home, native) are left out, as others do.
std::vector<std::vector<asio::ip::address>> OrderAddresses(
    const std::vector<asio::ip::address>& addresses, const SourceOf& source_of);

}  // namespace hawser::net::dns
