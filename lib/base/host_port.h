// "host:port", with IPv6 addresses in brackets: "web.default.svc:80", "10.0.0.1:80", "[::1]:80".
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace hawser::base {

struct HostPort {
  std::string host;  // a name or an address; IPv6 without brackets, perhaps with a zone ("%eth0")
  uint16_t port = 0;

  bool operator==(const HostPort&) const = default;
};

// The port is 1 to 5 decimal digits up to 65535. The host is taken as it is spelled: 1 to 253
// printable ASCII characters without spaces; brackets only, and always, around an IPv6 address.
// kInvalidArgument otherwise.
absl::StatusOr<HostPort> ParseHostPort(const std::string& text);

// An empty host ("any address") is left empty: ":8090".
std::string FormatHostPort(const HostPort& address);

}  // namespace hawser::base
