#include "addon-manager/hub_objects.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "addon-manager/names.h"
#include "addon-manager/pod_parts.h"
#include "addon-manager/secret_data.h"
#include "lib/tunnel/host_name.h"

namespace hawser::addon_manager {
namespace {

using nlohmann::json;

constexpr char kServiceAccount[] = "cluster-proxy-proxy-server";

json Labels() { return {{kComponentLabel, kProxyServer}}; }

json Object(const ProxyConfiguration& configuration, const char* api, const char* kind,
            const std::string& name) {
  return {{"apiVersion", api},
          {"kind", kind},
          {"metadata",
           {{"name", name},
            {"namespace", configuration.server.namespace_},
            {"labels", Labels()},
            {"ownerReferences", OwnerReferences(configuration)}}}};
}

json Port(const char* name, uint16_t port, uint16_t target) {
  return {{"name", name}, {"port", port}, {"targetPort", target}, {"protocol", "TCP"}};
}

json TrustConfigMap(const ProxyConfiguration& configuration, const HubSettings& settings,
                    const TrustBundles& trust) {
  json object = Object(configuration, "v1", "ConfigMap", kTrustConfigMap);
  // JSON is YAML, too.
  const json hub = {{"host-suffixes", settings.host_suffixes}};
  object["data"] = {{"agents.crt", trust.agents},
                    {"clients.crt", trust.clients},
                    {"servers.crt", trust.servers},
                    {"hub.yaml", hub.dump()}};
  return object;
}

json ServerCaSecret(const ProxyConfiguration& configuration, const TrustBundles& trust) {
  json object = Object(configuration, "v1", "Secret", kServerCaSecret);
  object["data"] = EncodeSecretData({{"ca.crt", trust.servers}});
  return object;
}

// Pods may reach nothing: everything comes to them, by TLS from anywhere, and to what is not
// authenticated from those who watch.
json NetworkPolicy(const ProxyConfiguration& configuration, const HubSettings& settings) {
  json object = Object(configuration, "networking.k8s.io/v1", "NetworkPolicy", kServiceAccount);
  const auto ports = [](std::initializer_list<uint16_t> numbers) {
    json list = json::array();
    for (const uint16_t port : numbers) list.push_back({{"protocol", "TCP"}, {"port", port}});
    return list;
  };
  const auto& p = configuration.ports;
  json ingress = json::array({{{"ports", ports({p.proxy_server, p.agent_server})}}});
  // A rule with an empty `from` would be for all.
  if (!settings.metrics_from.empty())
    ingress.push_back({{"from", settings.metrics_from}, {"ports", ports({p.health, p.admin})}});
  object["spec"] = {{"podSelector", {{"matchLabels", Labels()}}},
                    {"policyTypes", {"Ingress", "Egress"}},
                    {"ingress", std::move(ingress)},
                    {"egress", json::array()}};
  return object;
}

json DisruptionBudget(const ProxyConfiguration& configuration) {
  json object = Object(configuration, "policy/v1", "PodDisruptionBudget", kServiceAccount);
  object["spec"] = OneAtATime(Labels());
  return object;
}

json InClusterService(const ProxyConfiguration& configuration) {
  json object = Object(configuration, "v1", "Service", configuration.server.service);
  const auto& ports = configuration.ports;
  object["spec"] = {{"type", "ClusterIP"},
                    {"selector", Labels()},
                    {"ports",
                     {Port("proxy-server", 8090, ports.proxy_server),
                      Port("agent-server", 8091, ports.agent_server)}}};
  return object;
}

// Agents only: users have no business with an address that the world can reach. The hub sees where
// they come from: limits for an address would otherwise be shared by all that one node lets in.
json LoadBalancer(const ProxyConfiguration& configuration) {
  const Entrypoint& entrypoint = configuration.server.entrypoint;
  json object = Object(configuration, "v1", "Service", entrypoint.service);
  object["metadata"]["annotations"] = entrypoint.annotations;
  object["spec"] = {
      {"type", "LoadBalancer"},
      {"externalTrafficPolicy", "Local"},
      {"selector", Labels()},
      {"ports", {Port("agent-server", entrypoint.port, configuration.ports.agent_server)}}};
  return object;
}

json Arguments(const ProxyConfiguration& configuration, const HubSettings& settings) {
  const auto& ports = configuration.ports;
  json arguments = {
      absl::StrCat("--server-count=", configuration.server.replicas),
      "--proxy-strategies=destHost",
      "--agent-identity=certificate",
      absl::StrCat("--trust-domain=", settings.trust_domain),
      absl::StrCat("--server-port=", ports.proxy_server),
      absl::StrCat("--agent-port=", ports.agent_server),
      absl::StrCat("--health-port=", ports.health),
      absl::StrCat("--admin-port=", ports.admin),
      "--admin-bind-address=",
      "--server-cert=/etc/server-pki/tls.crt",
      "--server-key=/etc/server-pki/tls.key",
      "--server-ca-cert=/etc/trust/clients.crt",
      "--cluster-cert=/etc/agent-pki/tls.crt",
      "--cluster-key=/etc/agent-pki/tls.key",
      "--cluster-ca-cert=/etc/trust/agents.crt",
      "--ticket-keys-file=/etc/ticket-keys/keys",
      "--config=/etc/trust/hub.yaml",
      "--control-uds-name=/run/hawser/control.sock",
      "--admin-uds-name=/run/hawser/admin.sock",
      // A new one works beside a hub that ends: there is time for most connections to end first.
      "--graceful-shutdown-timeout=5m",
      // All users share one certificate, so a client's shares are everybody's: 256 MiB, a quarter
      // of the whole at most.
      "--max-buffered-bytes-per-identity=268435456",
      "--max-connection-bytes-per-identity=268435456",
  };
  for (const std::string& argument : configuration.server.additional_args)
    arguments.push_back(argument);
  return arguments;
}

json Container(const ProxyConfiguration& configuration, const HubSettings& settings) {
  return {
      {"name", kProxyServer},
      {"image", configuration.server.image},
      {"command", {"/proxy-server"}},
      {"args", Arguments(configuration, settings)},
      {"env", json::array({PodUidVariable("PROXY_SERVER_ID")})},
      {"livenessProbe", HttpProbe("/healthz", configuration.ports.health)},
      // Ready as soon as it serves: agents reach it through a Service, which has ready pods only.
      {"readinessProbe", HttpProbe("/healthz", configuration.ports.health)},
      // It sizes its budgets by the limit: a quarter for queued bytes, as much for connections.
      {"resources",
       {{"requests", {{"cpu", "100m"}, {"memory", "64Mi"}}}, {"limits", {{"memory", "2Gi"}}}}},
      {"securityContext", RestrictedContainer()},
      {"volumeMounts",
       {ReadOnlyMount("trust", "/etc/trust"), ReadOnlyMount("server-pki", "/etc/server-pki"),
        ReadOnlyMount("agent-pki", "/etc/agent-pki"),
        ReadOnlyMount("ticket-keys", "/etc/ticket-keys"),
        json{{"name", "run"}, {"mountPath", "/run/hawser"}}}}};
}

json Pod(const ProxyConfiguration& configuration, const HubSettings& settings) {
  json container = Container(configuration, settings);
  if (!settings.image_pull_policy.empty())
    container["imagePullPolicy"] = settings.image_pull_policy;
  return RestrictedPod(
      {.service_account = kServiceAccount,
       .service_account_token = false,
       .labels = Labels(),
       .container = std::move(container),
       .volumes = {ConfigMapVolume("trust", kTrustConfigMap),
                   SecretVolume("server-pki", configuration.proxy_server_secret),
                   SecretVolume("agent-pki", configuration.agent_server_secret),
                   SecretVolume("ticket-keys", kTicketKeysSecret),
                   {{"name", "run"}, {"emptyDir", {{"medium", "Memory"}, {"sizeLimit", "1Mi"}}}}},
       .node_selector = configuration.server.node_selector,
       .tolerations = configuration.server.tolerations,
       .image_pull_secrets = settings.image_pull_secrets});
}

json Deployment(const ProxyConfiguration& configuration, const HubSettings& settings) {
  json object = Object(configuration, "apps/v1", "Deployment", configuration.name);
  object["metadata"]["annotations"] = {
      {kGenerationAnnotation, std::to_string(configuration.generation)}};
  object["spec"] =
      RollingDeployment(configuration.server.replicas, Labels(), Pod(configuration, settings));
  return object;
}

// Agents without another way in forward a port through the hub's API server.
std::vector<json> PortForwardRights(const ProxyConfiguration& configuration) {
  constexpr char kRbac[] = "rbac.authorization.k8s.io/v1";
  json role = Object(configuration, kRbac, "Role", kPortForwardRole);
  role["rules"] = {
      {{"apiGroups", {""}}, {"resources", {"pods"}}, {"verbs", {"get", "list"}}},
      {{"apiGroups", {""}}, {"resources", {"pods/portforward"}}, {"verbs", {"create", "get"}}}};
  json binding = Object(configuration, kRbac, "RoleBinding", kPortForwardRole);
  binding["roleRef"] = {
      {"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", kPortForwardRole}};
  binding["subjects"] = {{{"apiGroup", "rbac.authorization.k8s.io"},
                          {"kind", "Group"},
                          {"name", "system:open-cluster-management:addon:cluster-proxy"}}};
  return {role, binding};
}

}  // namespace

json OwnerReferences(const ProxyConfiguration& configuration) {
  return {{{"apiVersion", kProxyApi},
           {"kind", "ManagedProxyConfiguration"},
           {"name", configuration.name},
           {"uid", configuration.uid},
           {"blockOwnerDeletion", true}}};
}

std::vector<json> HubObjects(const ProxyConfiguration& configuration, const HubSettings& settings,
                             const TrustBundles& trust) {
  json account = Object(configuration, "v1", "ServiceAccount", kServiceAccount);
  account["automountServiceAccountToken"] = false;
  std::vector<json> objects = {account, TrustConfigMap(configuration, settings, trust),
                               ServerCaSecret(configuration, trust),
                               DisruptionBudget(configuration), InClusterService(configuration)};
  if (settings.network_policies) objects.push_back(NetworkPolicy(configuration, settings));
  const Entrypoint::Type type = configuration.server.entrypoint.type;
  if (type == Entrypoint::Type::kLoadBalancer) objects.push_back(LoadBalancer(configuration));
  if (type == Entrypoint::Type::kPortForward)
    for (json& right : PortForwardRights(configuration)) objects.push_back(std::move(right));
  objects.push_back(Deployment(configuration, settings));
  return objects;
}

std::vector<std::string> ServerNames(const ProxyConfiguration& configuration,
                                     const std::vector<std::string>& addresses) {
  std::set<std::string> names;
  const auto add = [&names](const std::string& host) {
    names.insert((tunnel::CanonicalAddress(host) ? "ip:" : "dns:") + host);
  };
  for (const std::string& name : configuration.additional_sans) {
    if (name.starts_with("dns:") || name.starts_with("ip:")) {
      names.insert(name);
    } else {
      add(name);
    }
  }
  const std::string& service = configuration.server.service;
  const std::string& space = configuration.server.namespace_;
  for (const std::string& name : {service, service + "." + space, service + "." + space + ".svc",
                                  service + "." + space + ".svc.cluster.local"})
    add(name);
  add("localhost");
  add("127.0.0.1");
  if (!configuration.server.entrypoint.hostname.empty())
    add(configuration.server.entrypoint.hostname);
  for (const std::string& address : addresses) add(address);
  return {names.begin(), names.end()};
}

}  // namespace hawser::addon_manager
