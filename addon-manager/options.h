// What addon-manager is told: flags as one immutable, checked struct.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "addon-manager/hub_objects.h"
#include "addon-manager/rotation_facts.h"
#include "lib/base/host_port.h"
#include "lib/base/scheduler.h"

namespace hawser::addon_manager {

struct Options {
  std::string kubeconfig;  // empty: the pod's
  std::string ns;          // of the installation
  std::string configuration;
  std::string agent_namespace;
  bool kube_api_proxy = true;
  // With the hub's certificates, as the configuration names them.
  std::vector<std::string> certificate_secrets = {"proxy-server", "agent-server", "proxy-client"};
  std::string signer_secret;
  bool signer_must_exist = false;
  std::string trust_domain;
  RotationSettings rotation;
  HubSettings hub;
  bool leader_elect = true;
  std::string identity;  // among candidates
  base::HostPort health;

  bool uninstall = false;
  base::Duration uninstall_timeout{};
};

// Reads the flags (parsed before). kInvalidArgument, naming the flag, for what makes no sense.
absl::StatusOr<Options> OptionsFromFlags();

}  // namespace hawser::addon_manager
