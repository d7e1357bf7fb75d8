// From the command line to the client library.
#pragma once

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "lib/client/dialer.h"

namespace hawser::cli {

// kInvalidArgument when no hub is named.
absl::StatusOr<std::unique_ptr<client::Dialer>> MakeDialer(const GlobalOptions& global);

// What dials wait: the value of --timeout.
absl::StatusOr<client::DialOptions> ParseDialOptions(const std::string& timeout);

}  // namespace hawser::cli
