#include "addon-manager/uninstall.h"

#include <glog/logging.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "addon-manager/names.h"
#include "addon-manager/resources.h"
#include "lib/base/status.h"

namespace hawser::addon_manager {
namespace {

constexpr base::Duration kInterval = std::chrono::seconds(1);
constexpr size_t kMaxNamed = 20;

// Clusters where something that the add-on brought is still to be removed.
absl::StatusOr<std::set<std::string>> Left(kube::Client& client) {
  std::set<std::string> clusters;
  const auto works =
      client.List(kManifestWorks, {.label_selector = absl::StrCat(kAddonLabel, "=", kAddonName)});
  // Without Open Cluster Management there is no such kind, and nothing of it.
  if (absl::IsNotFound(works.status())) return clusters;
  HAWSER_RETURN_IF_ERROR(works.status());
  for (const kube::Object& work : works->items) clusters.insert(kube::NameOf(work).ns);
  return clusters;
}

std::string Names(const std::set<std::string>& clusters) {
  const auto end = std::next(clusters.begin(), std::min(kMaxNamed, clusters.size()));
  std::string names = absl::StrJoin(clusters.begin(), end, ", ");
  if (clusters.size() > kMaxNamed) absl::StrAppend(&names, " and others");
  return absl::StrCat(clusters.size(), " clusters: ", names);
}

}  // namespace

absl::Status Uninstall(kube::Client& client, base::Duration timeout) {
  const base::Time deadline = base::Clock::now() + timeout;
  const absl::Status deleted =
      client.Delete(kManagementAddons, {"", kAddonName}, {.propagation = "Background"});
  if (!deleted.ok() && !absl::IsNotFound(deleted)) return deleted;
  size_t seen = 0;
  for (;;) {
    HAWSER_ASSIGN_OR_RETURN(const auto left, Left(client));
    if (left.empty()) return absl::OkStatus();
    if (left.size() != seen) LOG(INFO) << "the add-on is still in " << Names(left);
    seen = left.size();
    if (base::Clock::now() + kInterval > deadline)
      return absl::DeadlineExceededError("uninstall: the add-on is still in " + Names(left));
    std::this_thread::sleep_for(kInterval);
  }
}

}  // namespace hawser::addon_manager
