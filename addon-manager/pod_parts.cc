#include "addon-manager/pod_parts.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "lib/base/duration.h"

namespace hawser::addon_manager {
namespace {

using nlohmann::json;

// The images' own user and group.
constexpr int kGroup = 65532;

// What a pod has for ending after SIGTERM: the last --graceful-shutdown-timeout of its arguments,
// and a little more.
int64_t GraceSeconds(const json& arguments) {
  constexpr std::string_view kFlag = "--graceful-shutdown-timeout=";
  base::Duration grace{};
  for (const json& each : arguments) {
    const auto& argument = each.get_ref<const std::string&>();
    if (!argument.starts_with(kFlag)) continue;
    // One that is wrong is the program's to refuse.
    const auto set = base::ParseDuration(argument.substr(kFlag.size()));
    if (set.ok() && *set >= base::Duration::zero()) grace = *set;
  }
  return std::chrono::ceil<std::chrono::seconds>(grace).count() + 15;
}

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

json NodeAddressVariable(const char* name) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", "status.hostIP"}}}}}};
}

json RestrictedContainer() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", {"ALL"}}}}};
}

json RestrictedPod(const PodParts& parts) {
  json pod = {{"serviceAccountName", parts.service_account},
              {"automountServiceAccountToken", parts.service_account_token},
              {"terminationGracePeriodSeconds", GraceSeconds(parts.container.at("args"))},
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
