// The flags about logs: those of klog, which Kubernetes' programs have, and --log-format.
#pragma once

#include "absl/status/statusor.h"
#include "lib/base/logging.h"

namespace hawser::base {

// Reads the flags (parsed before). InvalidArgument, naming the flag, for what makes no sense.
absl::StatusOr<LogOptions> LogOptionsFromFlags();

}  // namespace hawser::base
