// Reads a whole file that somebody else wrote.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace hawser::base {

// What is in the file at `path`. Errors begin with "read PATH: ": what the kernel says (a directory
// is one), or kInvalidArgument when it is longer than `most` bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t most);

}  // namespace hawser::base
