// Addresses that lead to what no name should open by accident, and the forms they hide in.
#pragma once

#include <asio/ip/address.hpp>
#include <vector>

#include "lib/net/cidr.h"

namespace hawser::spoke {

// Link-local addresses and metadata services, which give away the node's own credentials.
bool IsGuarded(const asio::ip::address& address);
// Loopback and unspecified addresses, which lead to this machine.
bool IsLoopback(const asio::ip::address& address);
// Whether all of `range` is of one of these kinds, so that whoever wrote it meant them.
bool IsReserved(const net::Cidr& range);

// The IPv4 addresses that a canonical address reaches by a translator (NAT64, RFC 6052 and 8215);
// none for most.
std::vector<asio::ip::address> Translated(const asio::ip::address& address);

}  // namespace hawser::spoke
