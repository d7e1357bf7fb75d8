#include "addon-manager/pod_parts.h"

#include <utility>

namespace hawser::addon_manager {
namespace {

using nlohmann::json;

// What pods have for ending after SIGTERM: --graceful-shutdown-timeout and a little more.
constexpr int kGraceSeconds = 45;
// The images' own user and group.
constexpr int kGroup = 65532;

}  // namespace

json HttpProbe(const char* path, uint16_t port) {
  return {{"httpGet", {{"path", path}, {"port", port}}}, {"periodSeconds", 5}};
}

json ReadOnlyMount(const char* volume, const char* path) {
  return {{"name", volume}, {"mountPath", path}, {"readOnly", true}};
}

json SecretVolume(const char* volume, const std::string& secret) {
  return {{"name", volume}, {"secret", {{"secretName", secret}, {"defaultMode", 0440}}}};
}

json ConfigMapVolume(const char* volume, const char* config_map) {
  return {{"name", volume}, {"configMap", {{"name", config_map}}}};
}

json PodUidVariable(const char* name) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.uid"}}}}}};
}

json RestrictedContainer() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", {"ALL"}}}}};
}

json RestrictedPod(const PodParts& parts) {
  json pod = {{"serviceAccountName", parts.service_account},
              {"automountServiceAccountToken", parts.service_account_token},
              {"terminationGracePeriodSeconds", kGraceSeconds},
              {"securityContext",
               {{"runAsNonRoot", true},
                {"fsGroup", kGroup},  // may read the keys
                {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
              {"containers", json::array({parts.container})},
              {"volumes", parts.volumes},
              {"topologySpreadConstraints",
               {{{"maxSkew", 1},
                 {"topologyKey", "kubernetes.io/hostname"},
                 {"whenUnsatisfiable", "ScheduleAnyway"},
                 {"labelSelector", {{"matchLabels", parts.labels}}}}}},
              {"nodeSelector", parts.node_selector},
              {"tolerations", parts.tolerations}};
  for (const std::string& name : parts.image_pull_secrets)
    pod["imagePullSecrets"].push_back({{"name", name}});
  return pod;
}

json RollingDeployment(int replicas, const json& labels, json pod) {
  return {
      {"replicas", replicas},
      {"selector", {{"matchLabels", labels}}},
      {"strategy",
       {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", 0}, {"maxSurge", 1}}}}},
      {"template", {{"metadata", {{"labels", labels}}}, {"spec", std::move(pod)}}}};
}

json OneAtATime(const json& labels) {
  return {{"maxUnavailable", 1}, {"selector", {{"matchLabels", labels}}}};
}

}  // namespace hawser::addon_manager
