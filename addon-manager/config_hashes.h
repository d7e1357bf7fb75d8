// How Open Cluster Management notices that a configuration has changed: by hashes of the objects
// that an add-on's status refers to, which the add-on's own manager fills in. An empty hash keeps
// the add-on Progressing for ever.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "lib/kube/informer.h"

namespace hawser::addon_manager {

// Of all but an object's head and status, 64 hexadecimal digits.
std::string SpecHash(const nlohmann::json& object);

// What a configReference refers to.
struct ConfigId {
  std::string resource;  // "addondeploymentconfigs.addon.open-cluster-management.io"
  std::string ns;
  std::string name;
  bool operator==(const ConfigId&) const = default;
  // "<resource>/<namespace>/<name>"
  std::string Text() const;
};
// Of an entry of configReferences (its desired configuration) or of spec.configs.
ConfigId DesiredConfig(const nlohmann::json& reference);
ConfigId NamedConfig(const nlohmann::json& config);

// The object, or null when it is not there.
using FindConfig = std::function<kube::ObjectPtr(const ConfigId& id)>;

// A ClusterManagementAddOn's status with the hashes of the configurations that are found.
nlohmann::json WithConfigHashes(nlohmann::json status, const FindConfig& find);
// A ManagedClusterAddOn's configReferences with the hashes of those that `configs`, its own spec's,
// names; the rest are Open Cluster Management's to fill in.
nlohmann::json WithOwnHashes(nlohmann::json references, const nlohmann::json& configs,
                             const FindConfig& find);
// What a ManifestWork says of the configurations that it was made from, as its annotation
// open-cluster-management.io/config-spec-hash.
std::string ConfigHashAnnotation(const nlohmann::json& references);

}  // namespace hawser::addon_manager
