// The address of a dial, as a stranger wrote it and the hub passed it on.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lib/base/host_port.h"

namespace hawser::spoke {

// Reads "host:port" ("[v6]:port"); the host becomes canonical (tunnel::CanonicalHost), the port is
// never 0. InvalidArgument in the words that Go programs use, fit for the dialler to read.
absl::StatusOr<base::HostPort> ParseTargetAddress(const std::string& text);

// Whether `host` looks like an address and is none: "10.0.0.300".
bool IsMistypedAddress(const std::string& host);

// `host`, canonical, with the final dot that it has in `text` ("host:port" or a host). It forbids
// to search for a name in other domains, and means nothing to anybody but DNS.
std::string WithFinalDot(const std::string& host, const std::string& text);

}  // namespace hawser::spoke
