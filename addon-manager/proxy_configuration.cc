#include "addon-manager/proxy_configuration.h"

#include "addon-manager/fields.h"
#include "lib/base/host_port.h"
#include "lib/base/status.h"

namespace hawser::addon_manager {
namespace {

using nlohmann::json;

absl::Status ReadPort(const Fields& fields, const std::string& name, uint16_t& port) {
  return fields.ReadNumber(name, port, 1, 65535);
}

absl::Status ReadSigner(const Fields& spec, ProxyConfiguration& configuration) {
  HAWSER_ASSIGN_OR_RETURN(const Fields authentication, spec.Inside("authentication"));
  HAWSER_ASSIGN_OR_RETURN(const Fields signer, authentication.Inside("signer"));
  std::string type = "SelfSigned";
  HAWSER_RETURN_IF_ERROR(signer.Read("type", type));
  if (type != "SelfSigned")
    return WrongField(signer.Path("type"), "must be SelfSigned, not " + type);
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
  HAWSER_ASSIGN_OR_RETURN(const auto annotations, fields.List("annotations"));
  for (const Fields& annotation : annotations) {
    std::string key, value;
    HAWSER_RETURN_IF_ERROR(annotation.Read("key", key));
    HAWSER_RETURN_IF_ERROR(annotation.Read("value", value));
    if (key.empty()) return WrongField(annotation.Path("key"), "is needed");
    entrypoint.annotations[key] = value;
  }
  return absl::OkStatus();
}

absl::Status ReadEntrypoint(const Fields& fields, Entrypoint& entrypoint) {
  HAWSER_RETURN_IF_ERROR(ReadPort(fields, "port", entrypoint.port));
  std::string type = "PortForward";
  HAWSER_RETURN_IF_ERROR(fields.Read("type", type));
  if (type == "PortForward") return absl::OkStatus();
  if (type == "LoadBalancerService") {
    HAWSER_ASSIGN_OR_RETURN(const Fields balancer, fields.Inside("loadBalancerService"));
    return ReadLoadBalancer(balancer, entrypoint);
  }
  if (type != "Hostname")
    return WrongField(fields.Path("type"),
                      "must be LoadBalancerService, Hostname or PortForward, not " + type);
  entrypoint.type = Entrypoint::Type::kHostname;
  HAWSER_ASSIGN_OR_RETURN(const Fields hostname, fields.Inside("hostname"));
  HAWSER_RETURN_IF_ERROR(hostname.Read("value", entrypoint.hostname));
  const bool usable = base::ParseHostPort(entrypoint.hostname + ":1").ok();
  if (entrypoint.hostname.empty() || !usable)
    return WrongField(hostname.Path("value"), "no host name: \"" + entrypoint.hostname + "\"");
  return absl::OkStatus();
}

absl::Status ReadServer(const Fields& fields, ProxyConfiguration::Server& server) {
  HAWSER_RETURN_IF_ERROR(fields.Read("image", server.image));
  HAWSER_RETURN_IF_ERROR(fields.ReadNumber("replicas", server.replicas, 0, 100));
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
  HAWSER_RETURN_IF_ERROR(fields.ReadNumber("replicas", agent.replicas, 0, 100));
  HAWSER_RETURN_IF_ERROR(fields.Read("additionalArgs", agent.additional_args));
  return fields.Read("imagePullSecrets", agent.image_pull_secrets);
}

absl::Status ReadPorts(const Fields& spec, ProxyConfiguration::Ports& ports) {
  HAWSER_ASSIGN_OR_RETURN(const Fields deploy, spec.Inside("deploy"));
  HAWSER_ASSIGN_OR_RETURN(const Fields fields, deploy.Inside("ports"));
  HAWSER_RETURN_IF_ERROR(ReadPort(fields, "proxyServer", ports.proxy_server));
  HAWSER_RETURN_IF_ERROR(ReadPort(fields, "agentServer", ports.agent_server));
  HAWSER_RETURN_IF_ERROR(ReadPort(fields, "healthServer", ports.health));
  return ReadPort(fields, "adminServer", ports.admin);
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
  HAWSER_ASSIGN_OR_RETURN(const Fields spec, root.Inside("spec"));
  HAWSER_RETURN_IF_ERROR(ReadSigner(spec, configuration));
  HAWSER_ASSIGN_OR_RETURN(const Fields server, spec.Inside("proxyServer"));
  HAWSER_RETURN_IF_ERROR(ReadServer(server, configuration.server));
  HAWSER_ASSIGN_OR_RETURN(const Fields agent, spec.Inside("proxyAgent"));
  HAWSER_RETURN_IF_ERROR(ReadAgent(agent, configuration.agent));
  HAWSER_RETURN_IF_ERROR(ReadPorts(spec, configuration.ports));
  return configuration;
}

}  // namespace hawser::addon_manager
