// An AddOnDeploymentConfig (addon.open-cluster-management.io/v1alpha1) as a value: how one
// cluster's operator wants the agent to be deployed there.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace hawser::addon_manager {

struct DeploymentConfig {
  // Where the agent goes. Open Cluster Management's own default for a config without one.
  std::string install_namespace = "open-cluster-management-agent-addon";
  nlohmann::json node_selector = nlohmann::json::object();
  nlohmann::json tolerations = nlohmann::json::array();

  struct Proxy {
    std::string http, https, none;  // as in HTTP_PROXY, HTTPS_PROXY, NO_PROXY
    std::string ca_bundle;          // PEM: whom to trust as an HTTPS proxy
  } proxy;

  // Images that begin with the first string come from the second one instead; the longest wins.
  std::vector<std::pair<std::string, std::string>> registries;
  // Resources by a pattern "kind:name:container" with '*' in it; the last that fits wins.
  std::vector<std::pair<std::string, nlohmann::json>> resources;
  // customizedVariables by name.
  std::vector<std::pair<std::string, std::string>> variables;

  // The image as this config wants it to be pulled.
  std::string Image(const std::string& image) const;
  // The resources of a container of our Deployment; null when nothing is said about it.
  nlohmann::json Resources(const std::string& deployment, const std::string& container) const;
};

// kInvalidArgument naming the field.
absl::StatusOr<DeploymentConfig> ParseDeploymentConfig(const nlohmann::json& object);

}  // namespace hawser::addon_manager
