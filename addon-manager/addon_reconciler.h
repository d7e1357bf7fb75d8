// Brings the agent to each managed cluster that has the add-on: registrations and conditions in the
// ManagedClusterAddOn's status, and the ManifestWork.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "addon-manager/addon_status.h"
#include "addon-manager/agent_leaves.h"
#include "addon-manager/deployment_config.h"
#include "addon-manager/hub_state.h"
#include "addon-manager/sources.h"
#include "lib/kube/controller.h"

namespace hawser::addon_manager {

class AddonReconciler final : public kube::Reconciler {
 public:
  struct Options {
    std::string agent_namespace;  // where no AddOnDeploymentConfig says another
    bool kube_api_proxy = true;
    std::vector<std::string> host_suffixes;  // SpokeSettings
    std::chrono::seconds replaced_link{0};
  };

  // All outlive it.
  AddonReconciler(kube::Client& client, const Sources& sources, const HubStateCell& state,
                  AgentLeaves& leaves, Options options)
      : client_(client),
        sources_(sources),
        state_(state),
        leaves_(leaves),
        options_(std::move(options)) {}

  // `key`: the name of the cluster.
  absl::StatusOr<kube::Outcome> Reconcile(const std::string& key,
                                          const std::stop_token& stop) override;

 private:
  absl::StatusOr<DeploymentConfig> ConfigOf(const kube::Object& addon) const;
  absl::Status WriteStatus(const kube::Object& addon, const AddonFacts& facts,
                           const kube::Call& call);
  absl::StatusOr<kube::Object> Work(const kube::Object& addon, const HubState& hub,
                                    const DeploymentConfig& config, const kube::Object* existing);

  kube::Client& client_;
  const Sources& sources_;
  const HubStateCell& state_;
  AgentLeaves& leaves_;
  const Options options_;
};

}  // namespace hawser::addon_manager
