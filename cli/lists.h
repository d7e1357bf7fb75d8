// A hub's lists of clusters and sessions: by its control API, or by its front end with what `dial`
// would use.
#pragma once

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "lib/control/client.h"

namespace hawser::cli {

// --control or, without it, --hub with --ca, --cert and --key; nothing is connected yet.
// kInvalidArgument for no address, one that cannot be right, or one that lacks its CA; files that
// cannot be used are errors that name the file.
absl::StatusOr<control::Client> Lists(const GlobalOptions& global);

}  // namespace hawser::cli
