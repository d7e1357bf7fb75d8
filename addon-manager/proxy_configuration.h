// A ManagedProxyConfiguration (proxy.open-cluster-management.io/v1alpha1) as a value: what the
// operator wants of hub and agents, with the defaults of the CRD filled in.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hawser::addon_manager {

// How agents reach the hub.
struct Entrypoint {
  enum class Type { kLoadBalancer, kHostname, kPortForward };
  Type type = Type::kPortForward;
  std::string hostname;                                   // kHostname
  std::string service = "proxy-agent-entrypoint";         // kLoadBalancer
  nlohmann::json annotations = nlohmann::json::object();  // of that Service
  uint16_t port = 8091;
  bool operator==(const Entrypoint&) const = default;
};

struct ProxyConfiguration {
  std::string name;
  std::string uid;
  int64_t generation = 0;

  // Additional names in the servers' certificates: "dns:..." or "ip:...".
  std::vector<std::string> additional_sans;
  // Secrets with the leaves that the addon-manager issues.
  std::string proxy_server_secret = "proxy-server";
  std::string agent_server_secret = "agent-server";
  std::string proxy_client_secret = "proxy-client";

  struct Server {
    std::string image;
    int replicas = 3;
    std::string namespace_;  // of everything on the hub
    std::string service = "proxy-entrypoint";
    Entrypoint entrypoint;
    std::vector<std::string> additional_args;
    nlohmann::json node_selector = nlohmann::json::object();
    nlohmann::json tolerations = nlohmann::json::array();
    bool operator==(const Server&) const = default;
  } server;

  struct Agent {
    std::string image;
    int replicas = 3;
    std::vector<std::string> additional_args;
    std::vector<std::string> image_pull_secrets;
    bool operator==(const Agent&) const = default;
  } agent;

  struct Ports {
    uint16_t proxy_server = 8090;
    uint16_t agent_server = 8091;
    uint16_t health = 8092;
    uint16_t admin = 8095;
    bool operator==(const Ports&) const = default;
  } ports;

  bool operator==(const ProxyConfiguration&) const = default;
};

// kInvalidArgument naming the field; for a condition that the operator reads.
absl::StatusOr<ProxyConfiguration> ParseProxyConfiguration(const nlohmann::json& object);

}  // namespace hawser::addon_manager
