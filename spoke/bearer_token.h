// The token by which an agent proves who it is to servers that ask for one.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace hawser::spoke {

// The token in a file, which whoever rotates it may replace at any time. Errors name the file, and
// show nothing of what is in it: kInvalidArgument when that is no token (RFC 6750, 2.1), else what
// reading met.
absl::StatusOr<std::string> ReadBearerToken(const std::string& path);

}  // namespace hawser::spoke
