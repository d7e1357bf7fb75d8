// Local copies of everything on the hub that the addon-manager looks at.
//
// Threads: any, unless lib/kube/informer.h says otherwise.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "addon-manager/config_hashes.h"
#include "lib/kube/client.h"
#include "lib/kube/informer.h"

namespace hawser::addon_manager {

struct SourceOptions {
  std::string ns;             // of the installation
  std::string configuration;  // the ManagedProxyConfiguration
  // In the namespace: each is read and watched by its name, and no other.
  std::vector<std::string> secrets;
};

class Sources {
 public:
  // The client outlives them.
  Sources(kube::Client& client, const SourceOptions& options);

  // After all handlers are set.
  void Start();
  void Stop();
  // Whether everything has been read once.
  bool Synced() const;
  // OK when everything is known as it is now: read once, and watched.
  absl::Status Current() const;

  // With the kinds' names, for pages.
  using Named = std::pair<std::string, const kube::Informer*>;
  std::vector<Named> All() const;

  // Of configurations that add-ons refer to: ours and AddOnDeploymentConfigs.
  kube::ObjectPtr Config(const ConfigId& id) const;

  // The ManagedClusterAddOn of an accepted cluster; null when there is none, or one of the two
  // goes.
  kube::ObjectPtr AddonOf(const std::string& cluster) const;

  kube::Informer proxy_configurations;
  kube::Informer management_addons;
  kube::Informer deployment_configs;
  kube::Informer clusters;
  kube::Informer cluster_addons;
  kube::Informer works;
  kube::Informer signing_requests;
  std::vector<std::unique_ptr<kube::Informer>> secrets;
  // What we made in the namespace.
  kube::Informer config_maps;
  kube::Informer services;
  kube::Informer deployments;

 private:
  std::vector<kube::Informer*> Each();

  std::vector<std::string> secret_names_;
};

}  // namespace hawser::addon_manager
