// A StateSource that shows what a test tells it to. Threads: any.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "lib/control/state_source.h"

namespace hawser::control {

class FakeStateSource final : public StateSource {
 public:
  // Tells the subscriber.
  void SetClusters(std::vector<Cluster> clusters) {
    const std::lock_guard lock(mutex_);
    clusters_ = std::move(clusters);
    snapshots_ = 0;
    if (changed_) changed_();
  }
  void SetSessions(std::vector<Session> sessions) {
    const std::lock_guard lock(mutex_);
    sessions_ = std::move(sessions);
  }
  // Blocks until the last clusters that were set have been asked for.
  void AwaitSnapshot() {
    std::unique_lock lock(mutex_);
    asked_.wait(lock, [this] { return snapshots_ > 0; });
  }

  // Snapshots of clusters so far.
  int all_snapshots() {
    const std::lock_guard lock(mutex_);
    return all_snapshots_;
  }

  std::vector<Cluster> Clusters() override {
    const std::lock_guard lock(mutex_);
    ++snapshots_;
    ++all_snapshots_;
    asked_.notify_all();
    return clusters_;
  }
  std::vector<Session> Sessions() override {
    const std::lock_guard lock(mutex_);
    return sessions_;
  }
  void Subscribe(std::function<void()> changed) override {
    const std::lock_guard lock(mutex_);
    changed_ = std::move(changed);
  }
  void Unsubscribe() override {
    const std::lock_guard lock(mutex_);
    changed_ = nullptr;
  }

 private:
  std::mutex mutex_;
  std::condition_variable asked_;
  std::vector<Cluster> clusters_;
  std::vector<Session> sessions_;
  std::function<void()> changed_;
  int snapshots_ = 0;  // of the clusters that were set last
  int all_snapshots_ = 0;
};

}  // namespace hawser::control
