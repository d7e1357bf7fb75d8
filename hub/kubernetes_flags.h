// Flags that concern Kubernetes' API and flags that are accepted for Konnectivity's sake.
//
// What protects something is never accepted in silence: asked for, but not to be had, it is an
// error.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hub/options.h"

namespace hawser::hub {

// All name the flag in their errors (kInvalidArgument).
absl::StatusOr<AgentTokens> AgentTokensFromFlags();
absl::StatusOr<KubernetesApi> KubernetesApiFromFlags();
absl::StatusOr<std::optional<ServerLeases>> ServerLeasesFromFlags(const std::string& server_id);
// Checks the values of the rest, and logs which of those on the command line have no effect.
absl::Status CheckCompatibilityFlags(const Options& options);

}  // namespace hawser::hub
