#include "addon-manager/resources.h"

#include <glog/logging.h>

#include <map>
#include <string>

namespace hawser::addon_manager {

kube::Resource ResourceOf(const kube::Object& object) {
  static const std::map<std::string, kube::Resource> kByKind = {
      {"ServiceAccount", {.version = "v1", .plural = "serviceaccounts"}},
      {"ConfigMap", kConfigMaps},
      {"Secret", kSecrets},
      {"Service", kServices},
      {"Deployment", kDeployments},
      {"NetworkPolicy",
       {.group = "networking.k8s.io", .version = "v1", .plural = "networkpolicies"}},
      {"PodDisruptionBudget",
       {.group = "policy", .version = "v1", .plural = "poddisruptionbudgets"}},
      {"Role", kRoles},
      {"RoleBinding", kRoleBindings},
  };
  const auto found = kByKind.find(kube::StringAt(object, {"kind"}));
  CHECK(found != kByKind.end()) << kube::StringAt(object, {"kind"});
  return found->second;
}

}  // namespace hawser::addon_manager
