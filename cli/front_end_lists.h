// The control API's lists by way of a hub's front end, with what `dial` would use.
#pragma once

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "lib/control/client.h"

namespace hawser::cli {

// --hub, --ca, --cert and --key; nothing is connected yet. kInvalidArgument for an address that
// cannot be right or lacks its CA; files that cannot be used are errors that name the file.
absl::StatusOr<control::Client> FrontEndLists(const GlobalOptions& global);

}  // namespace hawser::cli
