// Addresses of the control API, as both ends accept them.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace hawser::control {

struct Address {
  // What gRPC calls it: "unix:/path", "127.0.0.1:port" or "[::1]:port".
  std::string target;
  // Of the Unix socket; empty for TCP.
  std::string path;
};

// kInvalidArgument for what is neither an absolute or relative Unix socket path behind "unix:" nor
// a loopback IP address with a port: the API is never to be reachable from outside.
absl::StatusOr<Address> ParseAddress(const std::string& text);

}  // namespace hawser::control
