#include "addon-manager/proxy_configuration.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/host_port.h"
#include "lib/base/status.h"

namespace hawser::addon_manager {
namespace {

using nlohmann::json;

absl::Status Wrong(const std::string& field, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", why));
}

// A folder of the object's fields: reads each into a variable, which keeps its default when the
// field is absent or null.
class Fields {
 public:
  Fields(const json& object, std::string path) : object_(object), path_(std::move(path)) {}

  template <typename Value>
  absl::Status Read(const std::string& name, Value& value) const {
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) return absl::OkStatus();
    try {
      found->get_to(value);
      return absl::OkStatus();
    } catch (const json::exception&) {
      return Wrong(Path(name), absl::StrCat("not what it must be: ", found->dump()));
    }
  }

  absl::Status ReadPort(const std::string& name, uint16_t& port) const {
    int64_t value = port;
    HAWSER_RETURN_IF_ERROR(Read(name, value));
    if (value < 1 || value > 65535) return Wrong(Path(name), absl::StrCat("no port: ", value));
    port = static_cast<uint16_t>(value);
    return absl::OkStatus();
  }

  absl::Status ReadReplicas(int& replicas) const {
    HAWSER_RETURN_IF_ERROR(Read("replicas", replicas));
    if (replicas < 0 || replicas > 100)
      return Wrong(Path("replicas"), absl::StrCat("must be 0 to 100, not ", replicas));
    return absl::OkStatus();
  }

  absl::StatusOr<Fields> Inside(const std::string& name) const {
    static const json kNothing = json::object();
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) return Fields(kNothing, Path(name));
    if (!found->is_object()) return Wrong(Path(name), "must be an object");
    return Fields(*found, Path(name));
  }

  std::string Path(const std::string& name) const { return path_ + "." + name; }

 private:
  const json& object_;
  const std::string path_;
};

absl::Status ReadSigner(const Fields& spec, ProxyConfiguration& configuration) {
  HAWSER_ASSIGN_OR_RETURN(const Fields authentication, spec.Inside("authentication"));
  HAWSER_ASSIGN_OR_RETURN(const Fields signer, authentication.Inside("signer"));
  std::string type = "SelfSigned";
  HAWSER_RETURN_IF_ERROR(signer.Read("type", type));
  if (type != "SelfSigned") return Wrong(signer.Path("type"), "must be SelfSigned, not " + type);
  HAWSER_ASSIGN_OR_RETURN(const Fields self_signed, signer.Inside("selfSigned"));
  HAWSER_RETURN_IF_ERROR(self_signed.Read("additionalSANs", configuration.additional_sans));
  HAWSER_ASSIGN_OR_RETURN(const Fields dump, authentication.Inside("dump"));
  HAWSER_ASSIGN_OR_RETURN(const Fields secrets, dump.Inside("secrets"));
  HAWSER_RETURN_IF_ERROR(
      secrets.Read("signingProxyServerSecretName", configuration.proxy_server_secret));
  HAWSER_RETURN_IF_ERROR(
      secrets.Read("signingAgentServerSecretName", configuration.agent_server_secret));
  return secrets.Read("signingProxyClientSecretName", configuration.proxy_client_secret);
}

absl::Status ReadLoadBalancer(const Fields& fields, Entrypoint& entrypoint) {
  entrypoint.type = Entrypoint::Type::kLoadBalancer;
  HAWSER_RETURN_IF_ERROR(fields.Read("name", entrypoint.service));
  json annotations = json::array();
  HAWSER_RETURN_IF_ERROR(fields.Read("annotations", annotations));
  for (const json& annotation : annotations) {
    if (!annotation.is_object() || !annotation.contains("key"))
      return Wrong(fields.Path("annotations"), "each needs a key: " + annotation.dump());
    entrypoint.annotations[annotation.value("key", "")] = annotation.value("value", "");
  }
  return absl::OkStatus();
}

absl::Status ReadEntrypoint(const Fields& fields, Entrypoint& entrypoint) {
  HAWSER_RETURN_IF_ERROR(fields.ReadPort("port", entrypoint.port));
  std::string type = "PortForward";
  HAWSER_RETURN_IF_ERROR(fields.Read("type", type));
  if (type == "PortForward") return absl::OkStatus();
  if (type == "LoadBalancerService") {
    HAWSER_ASSIGN_OR_RETURN(const Fields balancer, fields.Inside("loadBalancerService"));
    return ReadLoadBalancer(balancer, entrypoint);
  }
  if (type != "Hostname")
    return Wrong(fields.Path("type"),
                 "must be LoadBalancerService, Hostname or PortForward, not " + type);
  entrypoint.type = Entrypoint::Type::kHostname;
  HAWSER_ASSIGN_OR_RETURN(const Fields hostname, fields.Inside("hostname"));
  HAWSER_RETURN_IF_ERROR(hostname.Read("value", entrypoint.hostname));
  const bool usable = base::ParseHostPort(entrypoint.hostname + ":1").ok();
  if (entrypoint.hostname.empty() || !usable)
    return Wrong(hostname.Path("value"), "no host name: \"" + entrypoint.hostname + "\"");
  return absl::OkStatus();
}

absl::Status ReadServer(const Fields& fields, ProxyConfiguration::Server& server) {
  HAWSER_RETURN_IF_ERROR(fields.Read("image", server.image));
  HAWSER_RETURN_IF_ERROR(fields.ReadReplicas(server.replicas));
  HAWSER_RETURN_IF_ERROR(fields.Read("namespace", server.namespace_));
  HAWSER_RETURN_IF_ERROR(fields.Read("inClusterServiceName", server.service));
  HAWSER_RETURN_IF_ERROR(fields.Read("additionalArgs", server.additional_args));
  HAWSER_ASSIGN_OR_RETURN(const Fields entrypoint, fields.Inside("entrypoint"));
  HAWSER_RETURN_IF_ERROR(ReadEntrypoint(entrypoint, server.entrypoint));
  HAWSER_ASSIGN_OR_RETURN(const Fields placement, fields.Inside("nodePlacement"));
  HAWSER_RETURN_IF_ERROR(placement.Read("nodeSelector", server.node_selector));
  return placement.Read("tolerations", server.tolerations);
}

absl::Status ReadAgent(const Fields& fields, ProxyConfiguration::Agent& agent) {
  HAWSER_RETURN_IF_ERROR(fields.Read("image", agent.image));
  HAWSER_RETURN_IF_ERROR(fields.ReadReplicas(agent.replicas));
  HAWSER_RETURN_IF_ERROR(fields.Read("additionalArgs", agent.additional_args));
  return fields.Read("imagePullSecrets", agent.image_pull_secrets);
}

absl::Status ReadPorts(const Fields& spec, ProxyConfiguration::Ports& ports) {
  HAWSER_ASSIGN_OR_RETURN(const Fields deploy, spec.Inside("deploy"));
  HAWSER_ASSIGN_OR_RETURN(const Fields fields, deploy.Inside("ports"));
  HAWSER_RETURN_IF_ERROR(fields.ReadPort("proxyServer", ports.proxy_server));
  HAWSER_RETURN_IF_ERROR(fields.ReadPort("agentServer", ports.agent_server));
  HAWSER_RETURN_IF_ERROR(fields.ReadPort("healthServer", ports.health));
  return fields.ReadPort("adminServer", ports.admin);
}

}  // namespace

absl::StatusOr<ProxyConfiguration> ParseProxyConfiguration(const json& object) {
  ProxyConfiguration configuration;
  if (!object.is_object()) return absl::InvalidArgumentError("not an object");
  const Fields root(object, "");
  HAWSER_ASSIGN_OR_RETURN(const Fields metadata, root.Inside("metadata"));
  HAWSER_RETURN_IF_ERROR(metadata.Read("name", configuration.name));
  HAWSER_RETURN_IF_ERROR(metadata.Read("uid", configuration.uid));
  HAWSER_RETURN_IF_ERROR(metadata.Read("generation", configuration.generation));
  HAWSER_ASSIGN_OR_RETURN(const json spec_object, [&]() -> absl::StatusOr<json> {
    const auto found = object.find("spec");
    return found != object.end() && found->is_object() ? *found : json::object();
  }());
  const Fields spec(spec_object, "spec");
  HAWSER_RETURN_IF_ERROR(ReadSigner(spec, configuration));
  HAWSER_ASSIGN_OR_RETURN(const Fields server, spec.Inside("proxyServer"));
  HAWSER_RETURN_IF_ERROR(ReadServer(server, configuration.server));
  HAWSER_ASSIGN_OR_RETURN(const Fields agent, spec.Inside("proxyAgent"));
  HAWSER_RETURN_IF_ERROR(ReadAgent(agent, configuration.agent));
  HAWSER_RETURN_IF_ERROR(ReadPorts(spec, configuration.ports));
  return configuration;
}

}  // namespace hawser::addon_manager
