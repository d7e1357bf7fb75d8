#include "addon-manager/agent_leaves.h"

#include "addon-manager/names.h"

namespace hawser::addon_manager {

std::optional<AgentLeaf> AgentLeafOf(const kube::Object* work) {
  if (work == nullptr) return std::nullopt;
  const std::string authority =
      kube::StringAt(*work, {"metadata", "annotations", kAgentAuthorityAnnotation});
  const auto signed_at = kube::ParseTimestamp(
      kube::StringAt(*work, {"metadata", "annotations", kAgentSignedAnnotation}));
  if (authority.empty() || !signed_at) return std::nullopt;
  return AgentLeaf{authority, *signed_at};
}

std::map<std::string, std::string> AgentLeafAnnotations(const std::optional<AgentLeaf>& leaf) {
  if (!leaf) return {};
  return {{kAgentAuthorityAnnotation, leaf->authority},
          {kAgentSignedAnnotation, kube::FormatTime(leaf->signed_at)}};
}

bool AgentLeaves::Record(const std::string& cluster, const AgentLeaf& leaf) {
  const std::lock_guard lock(mutex_);
  const auto [found, added] = leaves_.emplace(cluster, leaf);
  if (added) return true;
  if (found->second.signed_at >= leaf.signed_at) return false;
  found->second = leaf;
  return true;
}

void AgentLeaves::Forget(const std::string& cluster) {
  const std::lock_guard lock(mutex_);
  leaves_.erase(cluster);
}

std::optional<AgentLeaf> AgentLeaves::Latest(const std::string& cluster,
                                             const kube::Object* work) const {
  std::optional<AgentLeaf> latest = AgentLeafOf(work);
  const std::lock_guard lock(mutex_);
  const auto found = leaves_.find(cluster);
  if (found == leaves_.end()) return latest;
  // The annotation has whole seconds.
  const auto recorded = std::chrono::floor<std::chrono::seconds>(found->second.signed_at);
  if (!latest || latest->signed_at < recorded ||
      (latest->signed_at == recorded && latest->authority != found->second.authority))
    latest = found->second;
  return latest;
}

}  // namespace hawser::addon_manager
