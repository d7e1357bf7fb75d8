// Takes the add-on away from all clusters, and waits until it is gone there.
#pragma once

#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/kube/client.h"

namespace hawser::addon_manager {

// Deletes the ClusterManagementAddOn, with which the add-ons of the clusters and their
// ManifestWorks go. kDeadlineExceeded naming the clusters that are left.
absl::Status Uninstall(kube::Client& client, base::Duration timeout);

}  // namespace hawser::addon_manager
