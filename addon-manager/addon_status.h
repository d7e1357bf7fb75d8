// Our share of a ManagedClusterAddOn's status; the rest is Open Cluster Management's. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "addon-manager/config_hashes.h"
#include "addon-manager/csr_rules.h"
#include "lib/kube/conditions.h"

namespace hawser::addon_manager {

struct AddonFacts {
  std::string agent_namespace;  // empty: not known yet, so nothing is registered
  std::vector<Registration> registrations;
  std::vector<kube::Condition> conditions;
};

// The status as it should be.
nlohmann::json AddonStatus(const nlohmann::json& addon, const AddonFacts& facts,
                           const FindConfig& find, kube::WallTime now);
// status.registrations.
std::vector<Registration> ParseRegistrations(const nlohmann::json& addon);

}  // namespace hawser::addon_manager
