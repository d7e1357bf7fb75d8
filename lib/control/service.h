// The calls of the control API. A watch compares snapshots, so that a watcher that is slow, or
// late, sees the last state of each cluster and never a queue of old ones.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "lib/control/state_source.h"
#include "proto/control.grpc.pb.h"

namespace hawser::control {

class Service final : public Control::Service {
 public:
  // Each watch keeps a thread.
  static constexpr int kMaxWatches = 16;

  // `source` outlives the service.
  explicit Service(StateSource& source) : source_(source) {}

  // Watches look at the source again. Any thread.
  void NotifyChanged();
  // Watches end; no new ones begin. Any thread.
  void Stop();

  grpc::Status GetClusters(grpc::ServerContext*, const GetClustersRequest*,
                           GetClustersResponse* response) override;
  grpc::Status GetSessions(grpc::ServerContext*, const GetSessionsRequest* request,
                           GetSessionsResponse* response) override;
  grpc::Status WatchClusters(grpc::ServerContext* context, const WatchClustersRequest*,
                             grpc::ServerWriter<ClusterEvent>* writer) override;

 private:
  using ByName = std::map<std::string, Cluster>;

  grpc::Status Watch(grpc::ServerContext& context, grpc::ServerWriter<ClusterEvent>& writer);
  ByName Snapshot();
  // Writes what leads from `before` to `after`; false when the watcher is gone.
  bool WriteChanges(const ByName& before, const ByName& after,
                    grpc::ServerWriter<ClusterEvent>& writer);

  StateSource& source_;
  std::mutex mutex_;
  std::condition_variable woken_;  // `changes_` or `stopped_` is another
  uint64_t changes_ = 0;           // guarded by mutex_
  int watches_ = 0;                // guarded by mutex_
  bool stopped_ = false;           // guarded by mutex_
};

}  // namespace hawser::control
