// Which authority signed each cluster's last certificate: an authority may only go when nobody
// depends on it any more. Lasting as annotations of the ManifestWorks; here is what has not been
// written there yet.
//
// Threads: any.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "lib/kube/object.h"
#include "lib/kube/timestamp.h"

namespace hawser::addon_manager {

struct AgentLeaf {
  std::string authority;  // AuthorityHash()
  kube::WallTime signed_at;
  bool operator==(const AgentLeaf&) const = default;
};

// What a ManifestWork says; none when it says nothing, or there is none (null).
std::optional<AgentLeaf> AgentLeafOf(const kube::Object* work);
std::map<std::string, std::string> AgentLeafAnnotations(const std::optional<AgentLeaf>& leaf);

class AgentLeaves {
 public:
  // Unless a later one is known; whether it was news.
  bool Record(const std::string& cluster, const AgentLeaf& leaf);
  void Forget(const std::string& cluster);
  // The later one of what was recorded and what the ManifestWork (perhaps null) says.
  std::optional<AgentLeaf> Latest(const std::string& cluster, const kube::Object* work) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, AgentLeaf> leaves_;  // by cluster; guarded by mutex_
};

}  // namespace hawser::addon_manager
