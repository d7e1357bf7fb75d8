// What the add-on wants to exist in a managed cluster, as the ManifestWork that brings it there: a
// pure function of the hub's state and the cluster's own configuration.
#pragma once

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "addon-manager/deployment_config.h"
#include "addon-manager/hub_state.h"

namespace hawser::addon_manager {

struct SpokeSettings {
  std::string cluster;
  // Bare cluster names lead to its kube-apiserver.
  bool kube_api_proxy = true;
  // Namespaces that the hub lets agents have in their names.
  std::vector<std::string> host_suffixes;
  // How long a link that another one replaced may go on.
  std::chrono::seconds replaced_link = std::chrono::hours(1);
};

// In an order that may be applied one after the other. kInvalidArgument naming the variable of the
// deployment configuration that makes no sense.
//
// Variables that are heeded: `allow`, a JSON list of rules, and `resolve`, a JSON object of names,
// both as in the agent's configuration file.
absl::StatusOr<std::vector<nlohmann::json>> SpokeObjects(const HubState& hub,
                                                         const SpokeSettings& settings,
                                                         const DeploymentConfig& config);

// `owner`: the ManagedClusterAddOn; `annotations`: of the ManifestWork. kResourceExhausted when it
// would be larger than the API takes.
absl::StatusOr<nlohmann::json> ManifestWork(const nlohmann::json& owner,
                                            const std::map<std::string, std::string>& annotations,
                                            std::vector<nlohmann::json> objects);

}  // namespace hawser::addon_manager
