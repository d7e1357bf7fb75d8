// Fills in the hashes of configurations in the status of the ClusterManagementAddOn, by which Open
// Cluster Management rolls their changes out.
#pragma once

#include <string>

#include "addon-manager/sources.h"
#include "lib/kube/controller.h"

namespace hawser::addon_manager {

class ManagementAddonReconciler final : public kube::Reconciler {
 public:
  // Both outlive it.
  ManagementAddonReconciler(kube::Client& client, const Sources& sources)
      : client_(client), sources_(sources) {}

  // `key`: the add-on's name.
  absl::StatusOr<kube::Outcome> Reconcile(const std::string& key,
                                          const std::stop_token& stop) override;

 private:
  kube::Client& client_;
  const Sources& sources_;
};

}  // namespace hawser::addon_manager
