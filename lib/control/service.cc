#include "lib/control/service.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace hawser::control {
namespace {

// How old a watcher's counters may be, and how long a watcher that has gone may be kept.
constexpr auto kLookAgain = std::chrono::seconds(1);

// A snapshot asks every loop about every session. While changes follow each other, all snapshots of
// a watch together take no more than this part of the time, however many they are.
constexpr int kRestPerWork = 10;
constexpr auto kShortestRest = std::chrono::milliseconds(100);

// A new round trip alone is not worth an event.
bool Differ(Cluster a, Cluster b) {
  a.clear_round_trip();
  b.clear_round_trip();
  return a.SerializeAsString() != b.SerializeAsString();
}

ClusterEvent Event(ClusterEvent::Type type, const Cluster& cluster) {
  ClusterEvent event;
  event.set_type(type);
  *event.mutable_cluster() = cluster;
  return event;
}

}  // namespace

void Service::NotifyChanged() {
  const std::lock_guard lock(mutex_);
  ++changes_;
  woken_.notify_all();
}

void Service::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  woken_.notify_all();
}

grpc::Status Service::GetClusters(grpc::ServerContext*, const GetClustersRequest*,
                                  GetClustersResponse* response) {
  for (Cluster& cluster : source_.Clusters()) *response->add_clusters() = std::move(cluster);
  return grpc::Status::OK;
}

grpc::Status Service::GetSessions(grpc::ServerContext*, const GetSessionsRequest* request,
                                  GetSessionsResponse* response) {
  for (Session& session : source_.Sessions()) {
    if (request->cluster().empty() || request->cluster() == session.cluster())
      *response->add_sessions() = std::move(session);
  }
  return grpc::Status::OK;
}

grpc::Status Service::WatchClusters(grpc::ServerContext* context, const WatchClustersRequest*,
                                    grpc::ServerWriter<ClusterEvent>* writer) {
  {
    const std::lock_guard lock(mutex_);
    if (watches_ == kMaxWatches)
      return {grpc::StatusCode::RESOURCE_EXHAUSTED,
              std::to_string(kMaxWatches) + " watches are open already"};
    ++watches_;
  }
  const grpc::Status status = Watch(*context, *writer);
  const std::lock_guard lock(mutex_);
  --watches_;
  return status;
}

grpc::Status Service::Watch(grpc::ServerContext& context,
                            grpc::ServerWriter<ClusterEvent>& writer) {
  ByName seen;
  for (bool first = true; !context.IsCancelled(); first = false) {
    std::unique_lock lock(mutex_);
    const uint64_t changes = changes_;
    lock.unlock();
    const auto began = std::chrono::steady_clock::now();
    ByName now = Snapshot();
    const auto rest_until =
        began + std::max<std::chrono::steady_clock::duration>(
                    kShortestRest, kRestPerWork * (std::chrono::steady_clock::now() - began));
    if (!WriteChanges(seen, now, writer)) break;
    seen = std::move(now);
    if (first) {
      ClusterEvent synced;
      synced.set_type(ClusterEvent::SYNCED);
      if (!writer.Write(synced)) break;
    }
    lock.lock();
    woken_.wait_until(lock, rest_until, [&] { return stopped_; });
    woken_.wait_for(lock, kLookAgain, [&] { return stopped_ || changes_ != changes; });
    if (stopped_) return {grpc::StatusCode::UNAVAILABLE, "the hub is stopping"};
  }
  return grpc::Status::CANCELLED;
}

Service::ByName Service::Snapshot() {
  ByName clusters;
  for (Cluster& cluster : source_.Clusters()) {
    std::string name = cluster.name();
    clusters.emplace(std::move(name), std::move(cluster));
  }
  return clusters;
}

bool Service::WriteChanges(const ByName& before, const ByName& after,
                           grpc::ServerWriter<ClusterEvent>& writer) {
  for (const auto& [name, cluster] : before)
    if (!after.contains(name) && !writer.Write(Event(ClusterEvent::DELETED, cluster))) return false;
  for (const auto& [name, cluster] : after) {
    const auto old = before.find(name);
    if (old != before.end() && !Differ(old->second, cluster)) continue;
    const auto type = old == before.end() ? ClusterEvent::ADDED : ClusterEvent::MODIFIED;
    if (!writer.Write(Event(type, cluster))) return false;
  }
  return true;
}

}  // namespace hawser::control
