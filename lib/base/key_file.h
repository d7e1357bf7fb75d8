// Who may read a private key's file.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace hawser::base {

// kFailedPrecondition when group or others may access the private key at `path`.
absl::Status CheckKeyFilePermissions(const std::string& path);

}  // namespace hawser::base
