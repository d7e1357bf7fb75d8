// Hosts as dials and identifiers spell them, brought into the one form in which they are compared.
#pragma once

#include <optional>
#include <string>

namespace hawser::tunnel {

// An IPv4 or IPv6 address (no brackets, no zone) as RFC 5952 writes it; an IPv4-mapped IPv6 address
// becomes the IPv4 one. Nothing when `text` is no address.
std::optional<std::string> CanonicalAddress(const std::string& text);

// Whether `host` is several labels of digits only, as IPv4 addresses are: resolvers read "10.1" and
// "0300.1.1.1" as addresses, too, so no such host is a name.
bool LooksLikeAddress(const std::string& host);

// The range of the `bits` leading bits of a canonical address as "address/bits", with the bits
// behind them zero: ("10.0.0.7", 24) is "10.0.0.0/24". Nothing when the family has fewer bits.
std::optional<std::string> RangeOf(const std::string& address, int bits);

// A host name in lower case without its trailing dot, or a canonical address. Nothing when `host`
// is neither: labels of letters, digits, '-' and '_' that neither begin nor end with '-', 253
// characters in all. A label may be longer than the 63 of DNS: the service-proxy name of Open
// Cluster Management's add-on has one of 64, and is never resolved.
std::optional<std::string> CanonicalHost(const std::string& host);

}  // namespace hawser::tunnel
