// What the hub's pods and the agents' have in common: restricted as the pod security standard of
// that name asks for, spread over nodes, replaced without a gap. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hawser::addon_manager {

nlohmann::json HttpProbe(const char* path, uint16_t port);
nlohmann::json ReadOnlyMount(const char* volume, const char* path);
// Readable by the images' own group only.
nlohmann::json SecretVolume(const char* volume, const std::string& secret);
nlohmann::json ConfigMapVolume(const char* volume, const char* config_map);
// A variable with the pod's uid.
nlohmann::json PodUidVariable(const char* name);
// A variable with the address of the pod's node.
nlohmann::json NodeAddressVariable(const char* name);
// A container's securityContext.
nlohmann::json RestrictedContainer();

struct PodParts {
  const char* service_account;
  bool service_account_token;
  nlohmann::json labels;  // by which the pods are selected
  nlohmann::json container;
  nlohmann::json volumes;
  nlohmann::json node_selector;
  nlohmann::json tolerations;
  std::vector<std::string> image_pull_secrets;
};
// A pod's spec.
nlohmann::json RestrictedPod(const PodParts& parts);

// A Deployment's spec.
nlohmann::json RollingDeployment(int replicas, const nlohmann::json& labels, nlohmann::json pod);
// A PodDisruptionBudget's spec.
nlohmann::json OneAtATime(const nlohmann::json& labels);

}  // namespace hawser::addon_manager
