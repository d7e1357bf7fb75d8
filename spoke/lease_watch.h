// Leases of servers in the Kubernetes API.
//
// The service account needs, in the namespace of the leases,
//
//   - {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [list, watch]}
//
// Until the API server has answered once, one server is assumed; while it does not answer, the last
// number holds: leases that nobody can see being renewed say nothing.
//
// Threads: as ServerCounter; an informer's thread waits for the API server.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "lib/kube/client.h"
#include "lib/kube/informer.h"
#include "lib/kube/timestamp.h"
#include "spoke/server_counter.h"

namespace hawser::spoke {

class LeaseWatch final : public ServerCounter {
 public:
  LeaseWatch(kube::Config config, const LeaseFilter& filter, std::function<kube::WallTime()> now);

  size_t Count() override;

 private:
  void OnChange(const kube::Change& change);

  const std::function<kube::WallTime()> now_;
  size_t last_ = 1;
  std::mutex mutex_;
  std::map<std::string, kube::WallTime> expiries_;  // by key; guarded by mutex_
  kube::Client client_;
  kube::Informer informer_;
};

}  // namespace hawser::spoke
