// What the add-on wants to exist on the hub, as data for server-side apply: a pure function of the
// configuration. Secrets with keys are the signer's (signer.h), not here.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "addon-manager/proxy_configuration.h"

namespace hawser::addon_manager {

// The authorities' bundles, PEM: what each side's peers are checked against.
struct TrustBundles {
  std::string agents;
  std::string clients;
  std::string servers;
};

// How the installation differs from what the configuration can say.
struct HubSettings {
  std::string image_pull_policy;  // empty: Kubernetes' default
  std::vector<std::string> image_pull_secrets;
  bool network_policies = true;
  // Who may reach the ports of health and metrics: peers of a NetworkPolicy, a JSON list. Probes
  // come from the node, which policies let through.
  nlohmann::json metrics_from = nlohmann::json::array();
  // What may follow a cluster in the names that its agents announce: their namespaces.
  std::vector<std::string> host_suffixes;
  // Of the names in certificates.
  std::string trust_domain;
};

// By which all of it goes when the configuration goes.
nlohmann::json OwnerReferences(const ProxyConfiguration& configuration);

// In an order that may be applied one after the other. All of them are owned by the configuration
// and live in its namespace.
std::vector<nlohmann::json> HubObjects(const ProxyConfiguration& configuration,
                                       const HubSettings& settings, const TrustBundles& trust);

// The names under which agents (agent-server) and users (proxy-server) reach the hub: what has to
// be in the certificates, "dns:..." or "ip:...", sorted. `addresses` are those of the
// load balancer.
std::vector<std::string> ServerNames(const ProxyConfiguration& configuration,
                                     const std::vector<std::string>& addresses);

}  // namespace hawser::addon_manager
