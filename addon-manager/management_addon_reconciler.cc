#include "addon-manager/management_addon_reconciler.h"

#include "addon-manager/resources.h"
#include "lib/base/status.h"

namespace hawser::addon_manager {

absl::StatusOr<kube::Outcome> ManagementAddonReconciler::Reconcile(const std::string& key,
                                                                   const std::stop_token& stop) {
  const auto addon = sources_.management_addons.Get(key);
  const kube::Object* before = addon ? kube::Find(*addon, {"status"}) : nullptr;
  if (before == nullptr || kube::IsBeingDeleted(*addon)) return kube::Outcome::Done();
  const kube::Object status =
      WithConfigHashes(*before, [this](const ConfigId& id) { return sources_.Config(id); });
  if (status == *before) return kube::Outcome::Done();
  const kube::Object patch = {{"metadata", {{"resourceVersion", kube::ResourceVersionOf(*addon)}}},
                              {"status", status}};
  HAWSER_RETURN_IF_ERROR(client_
                             .MergePatch(kManagementAddons.Sub("status"), kube::NameOf(*addon),
                                         patch, {.timeout = std::nullopt, .stop = stop})
                             .status());
  return kube::Outcome::Done();
}

}  // namespace hawser::addon_manager
