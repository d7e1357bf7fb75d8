#include "addon-manager/spoke_objects.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "addon-manager/names.h"
#include "addon-manager/pod_parts.h"
#include "addon-manager/secret_data.h"
#include "lib/base/status.h"
#include "lib/kube/object.h"
#include "lib/pki/digest.h"
#include "lib/pki/identity.h"

namespace hawser::addon_manager {
namespace {

using nlohmann::json;

constexpr char kServiceAccount[] = "cluster-proxy";
constexpr char kHealthLease[] = "cluster-proxy";
constexpr int kHealthPort = 8093;
// What Open Cluster Management's webhook admits.
constexpr size_t kMaxWork = 500 * 1024;
// Levels of a variable: several times what rules have. Writing JSON takes stack for each.
constexpr int kMaxDepth = 16;

// Where files are in the pod.
constexpr char kCertificateFolder[] = "/etc/agent-pki";
constexpr char kCaFolder[] = "/etc/hub-ca";
constexpr char kConfigFolder[] = "/etc/agent-configuration";
constexpr char kHubFolder[] = "/etc/hub-kubeconfig";

class Spoke {
 public:
  Spoke(const HubState& hub, const SpokeSettings& settings, const DeploymentConfig& config)
      : hub_(hub), settings_(settings), config_(config) {}

  absl::StatusOr<std::vector<json>> Objects() const;

 private:
  json Object(const char* api, const char* kind, const std::string& name) const;
  json Named(const char* api, const char* kind, const std::string& name) const;
  json CaSecret() const;
  absl::StatusOr<json> ConfigMap() const;
  json LeaseRole() const;
  json LeaseRoleBinding() const;
  json DisruptionBudget() const;
  json Deployment() const;
  json Pod() const;
  json Container() const;
  std::string Identifiers() const;
  json Arguments() const;
  json Environment() const;
  bool port_forward() const {
    return hub_.configuration.server.entrypoint.type == Entrypoint::Type::kPortForward;
  }

  const HubState& hub_;
  const SpokeSettings& settings_;
  const DeploymentConfig& config_;
};

json Labels() {
  return {{"open-cluster-management.io/addon", kAddonName}, {kComponentLabel, kProxyAgent}};
}

json Spoke::Named(const char* api, const char* kind, const std::string& name) const {
  return {
      {"apiVersion", api}, {"kind", kind}, {"metadata", {{"name", name}, {"labels", Labels()}}}};
}

json Spoke::Object(const char* api, const char* kind, const std::string& name) const {
  json object = Named(api, kind, name);
  object["metadata"]["namespace"] = config_.install_namespace;
  return object;
}

json Spoke::CaSecret() const {
  json object = Object("v1", "Secret", kAgentCaSecret);
  std::map<std::string, std::string> data = {{"ca.crt", hub_.server_bundle}};
  if (!config_.proxy.ca_bundle.empty()) data["proxy-ca.crt"] = config_.proxy.ca_bundle;
  object["data"] = EncodeSecretData(data);
  return object;
}

// Must be of the type of `otherwise`, or the agents would not start.
absl::StatusOr<json> Variable(const DeploymentConfig& config, const std::string& name,
                              json otherwise) {
  json value = std::move(otherwise);
  const auto wrong = [&name](const std::string& why) {
    return absl::InvalidArgumentError("customizedVariables: " + name + " " + why);
  };
  for (const auto& [key, text] : config.variables) {
    if (key != name) continue;
    bool too_deep = false;
    const json::value_t type = value.type();
    value = json::parse(
        text,
        [&too_deep](int depth, json::parse_event_t, const json&) {
          too_deep = too_deep || depth > kMaxDepth;
          return !too_deep;
        },
        /*allow_exceptions=*/false);
    if (too_deep) return wrong("has too many levels");
    if (value.is_discarded()) return wrong("is not JSON");
    if (value.type() != type)
      return wrong(type == json::value_t::array ? "is no list" : "is no object");
  }
  return value;
}

// JSON is YAML, too. Without rules of its own a spoke opens its Services, by name; where such a
// name leads to loopback or to the node (HOST_IP), the agent refuses (spoke/allow_list.h).
absl::StatusOr<json> Spoke::ConfigMap() const {
  json services = {{{"hosts", {"*.svc", "*.svc.cluster.local"}}}};
  HAWSER_ASSIGN_OR_RETURN(const json allow, Variable(config_, "allow", std::move(services)));
  HAWSER_ASSIGN_OR_RETURN(const json resolve, Variable(config_, "resolve", json::object()));
  json file = {{"allow", allow}};
  if (!resolve.empty()) file["resolve"] = resolve;
  json object = Object("v1", "ConfigMap", kAgentConfigMap);
  object["data"] = {{"agent.yaml", file.dump()}};
  return object;
}

// To say that it is well (spoke/health_lease.h).
json Spoke::LeaseRole() const {
  constexpr char kLeases[] = "coordination.k8s.io";
  json role = Object("rbac.authorization.k8s.io/v1", "Role", kAgentDeployment);
  role["rules"] = {{{"apiGroups", {kLeases}}, {"resources", {"leases"}}, {"verbs", {"create"}}},
                   {{"apiGroups", {kLeases}},
                    {"resources", {"leases"}},
                    {"resourceNames", {kHealthLease}},
                    {"verbs", {"get", "update", "patch"}}}};
  return role;
}

json Spoke::LeaseRoleBinding() const {
  json binding = Object("rbac.authorization.k8s.io/v1", "RoleBinding", kAgentDeployment);
  binding["roleRef"] = {
      {"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", kAgentDeployment}};
  binding["subjects"] = {{{"kind", "ServiceAccount"},
                          {"name", kServiceAccount},
                          {"namespace", config_.install_namespace}}};
  return binding;
}

json Spoke::DisruptionBudget() const {
  json object = Object("policy/v1", "PodDisruptionBudget", kAgentDeployment);
  object["spec"] = OneAtATime(Labels());
  return object;
}

// The names that the reference's agents have.
std::string Spoke::Identifiers() const {
  const std::string& cluster = settings_.cluster;
  std::string identifiers =
      absl::StrCat("host=", cluster, "&host=", pki::ServiceProxyHost(cluster));
  const auto& suffixes = settings_.host_suffixes;
  if (std::find(suffixes.begin(), suffixes.end(), config_.install_namespace) != suffixes.end())
    absl::StrAppend(&identifiers, "&host=", cluster, ".", config_.install_namespace);
  return identifiers;
}

json Spoke::Arguments() const {
  const ProxyConfiguration& configuration = hub_.configuration;
  const std::string& space = config_.install_namespace;
  const auto file = [](const char* folder, const char* name) {
    return absl::StrCat(folder, "/", name);
  };
  json arguments = {
      absl::StrCat("--proxy-server-host=", absl::StrJoin(hub_.addresses, ",")),
      absl::StrCat("--proxy-server-port=", configuration.server.entrypoint.port),
      absl::StrCat("--agent-identifiers=", Identifiers()),
      absl::StrCat("--agent-cert=", file(kCertificateFolder, "tls.crt")),
      absl::StrCat("--agent-key=", file(kCertificateFolder, "tls.key")),
      absl::StrCat("--ca-cert=", file(kCaFolder, "ca.crt")),
      absl::StrCat("--config=", file(kConfigFolder, "agent.yaml")),
      absl::StrCat("--health-lease=", space, "/", kHealthLease),
      absl::StrCat("--health-server-port=", kHealthPort),
      absl::StrCat("--replaced-link-timeout=", settings_.replaced_link.count(), "s"),
      "--graceful-shutdown-timeout=30s",  // the removal of the add-on waits as long
  };
  if (!settings_.kube_api_proxy) arguments.push_back("--kube-apiserver=");
  if (!config_.proxy.ca_bundle.empty())
    arguments.push_back(absl::StrCat("--proxy-ca-cert=", file(kCaFolder, "proxy-ca.crt")));
  if (port_forward()) {
    arguments.push_back(absl::StrCat("--hub-kubeconfig=", file(kHubFolder, "kubeconfig")));
    arguments.push_back(absl::StrCat("--hub-port-forward=", configuration.server.namespace_, "/",
                                     kComponentLabel, "=", kProxyServer, ":",
                                     configuration.ports.agent_server));
  }
  for (const std::string& argument : configuration.agent.additional_args)
    arguments.push_back(argument);
  return arguments;
}

json Spoke::Environment() const {
  json variables = json::array({PodUidVariable("PROXY_AGENT_ID"), NodeAddressVariable("HOST_IP")});
  const auto add = [&variables](const char* name, const std::string& value) {
    if (!value.empty()) variables.push_back({{"name", name}, {"value", value}});
  };
  add("HTTP_PROXY", config_.proxy.http);
  add("HTTPS_PROXY", config_.proxy.https);
  add("NO_PROXY", config_.proxy.none);
  return variables;
}

json Spoke::Container() const {
  json container = {
      {"name", kProxyAgent},
      {"image", config_.Image(hub_.configuration.agent.image)},
      {"command", {"/proxy-agent"}},
      {"args", Arguments()},
      {"env", Environment()},
      {"livenessProbe", HttpProbe("/healthz", kHealthPort)},
      {"readinessProbe", HttpProbe("/readyz", kHealthPort)},
      // It sizes its budget for queued bytes by the limit: a quarter.
      {"resources",
       {{"requests", {{"cpu", "50m"}, {"memory", "32Mi"}}}, {"limits", {{"memory", "512Mi"}}}}},
      {"securityContext", RestrictedContainer()},
      {"volumeMounts",
       {ReadOnlyMount("agent-pki", kCertificateFolder), ReadOnlyMount("hub-ca", kCaFolder),
        ReadOnlyMount("configuration", kConfigFolder)}}};
  if (port_forward())
    container["volumeMounts"].push_back(ReadOnlyMount("hub-kubeconfig", kHubFolder));
  const json resources = config_.Resources(kAgentDeployment, kProxyAgent);
  if (!resources.is_null()) container["resources"] = resources;
  return container;
}

json Spoke::Pod() const {
  json volumes = {SecretVolume("agent-pki", kAgentCertificateSecret),
                  SecretVolume("hub-ca", kAgentCaSecret),
                  ConfigMapVolume("configuration", kAgentConfigMap)};
  if (port_forward()) volumes.push_back(SecretVolume("hub-kubeconfig", kHubKubeconfigSecret));
  return RestrictedPod({.service_account = kServiceAccount,
                        .service_account_token = true,
                        .labels = Labels(),
                        .container = Container(),
                        .volumes = std::move(volumes),
                        .node_selector = config_.node_selector,
                        .tolerations = config_.tolerations,
                        .image_pull_secrets = hub_.configuration.agent.image_pull_secrets});
}

// Agents read the CAs of proxies when they start: other ones need other pods. All other files are
// read again, and do not count.
json Spoke::Deployment() const {
  json object = Object("apps/v1", "Deployment", kAgentDeployment);
  object["spec"] = RollingDeployment(hub_.configuration.agent.replicas, Labels(), Pod());
  object["spec"]["template"]["metadata"]["annotations"] = {
      {kFilesHashAnnotation, pki::Sha256Hex(config_.proxy.ca_bundle)}};
  return object;
}

absl::StatusOr<std::vector<json>> Spoke::Objects() const {
  HAWSER_ASSIGN_OR_RETURN(json configuration, ConfigMap());
  json space = Named("v1", "Namespace", config_.install_namespace);
  // Open Cluster Management copies its image pull secret there.
  space["metadata"]["labels"]["addon.open-cluster-management.io/namespace"] = "true";
  json account = Object("v1", "ServiceAccount", kServiceAccount);
  account["automountServiceAccountToken"] = false;
  json deployment = Deployment();
  return std::vector<json>{std::move(space),   std::move(account),   LeaseRole(),
                           LeaseRoleBinding(), CaSecret(),           std::move(configuration),
                           DisruptionBudget(), std::move(deployment)};
}

}  // namespace

absl::StatusOr<std::vector<json>> SpokeObjects(const HubState& hub, const SpokeSettings& settings,
                                               const DeploymentConfig& config) {
  return Spoke(hub, settings, config).Objects();
}

absl::StatusOr<json> ManifestWork(const json& owner,
                                  const std::map<std::string, std::string>& annotations,
                                  std::vector<json> objects) {
  json orphans = json::array();
  for (const json& object : objects)
    if (object["kind"] == "Namespace" && object["metadata"]["name"] == kSharedNamespace)
      orphans.push_back({{"group", ""}, {"resource", "namespaces"}, {"name", kSharedNamespace}});
  json work = {{"apiVersion", kWorkApi},
               {"kind", "ManifestWork"},
               {"metadata",
                {{"name", kManifestWork},
                 {"namespace", kube::NameOf(owner).ns},
                 {"labels", {{kAddonLabel, kAddonName}}},
                 {"annotations", annotations},
                 {"ownerReferences",
                  {{{"apiVersion", kAddonApi},
                    {"kind", "ManagedClusterAddOn"},
                    {"name", kube::NameOf(owner).name},
                    {"uid", kube::UidOf(owner)},
                    {"blockOwnerDeletion", true},
                    {"controller", true}}}}}},
               {"spec", {{"workload", {{"manifests", std::move(objects)}}}}}};
  if (!orphans.empty())
    work["spec"]["deleteOption"] = {{"propagationPolicy", "SelectivelyOrphan"},
                                    {"selectivelyOrphans", {{"orphaningRules", orphans}}}};
  const size_t size = work.dump().size();
  if (size > kMaxWork)
    return absl::ResourceExhaustedError(absl::StrCat(
        "manifest work: ", size, " bytes, more than the ", kMaxWork, " that it may be"));
  return work;
}

}  // namespace hawser::addon_manager
