// Leases of servers in a file, where there is no Kubernetes API to ask.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/file_watch.h"
#include "lib/kube/timestamp.h"
#include "spoke/server_counter.h"

namespace hawser::spoke {

// When each matching lease of a Kubernetes LeaseList (JSON) expires. A lease that does not say is
// left out. kInvalidArgument for what is no such list.
absl::StatusOr<std::vector<kube::WallTime>> ParseLeases(const std::string& json,
                                                        const LeaseFilter& filter);

// Counts the leases in a file that have not expired; reads it again when it has changed. What
// cannot be read is logged once per change, and the last version holds.
class LeaseFile final : public ServerCounter {
 public:
  LeaseFile(const std::string& path, LeaseFilter filter, std::function<kube::WallTime()> now)
      : path_(path), filter_(std::move(filter)), now_(std::move(now)), watch_({path}) {}

  size_t Count() override;

 private:
  void Read();

  const std::string path_;
  const LeaseFilter filter_;
  const std::function<kube::WallTime()> now_;
  base::FileWatch watch_;
  std::vector<kube::WallTime> expiries_;
};

}  // namespace hawser::spoke
