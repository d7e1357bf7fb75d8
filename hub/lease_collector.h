// Deletes the leases of hubs that have ended without a word. Every hub does so; which one is first
// does not matter.
//
// Threads: any, beside one of its own that waits for the API server.
#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <thread>

#include "lib/base/log_limit.h"
#include "lib/base/scheduler.h"
#include "lib/kube/client.h"
#include "lib/kube/lease.h"
#include "lib/kube/request_counts.h"

namespace hawser::hub {

class LeaseCollector {
 public:
  struct Options {
    kube::Selection leases;
    base::Duration interval = std::chrono::seconds(15);  // Konnectivity's
    std::function<kube::WallTime()> now = &std::chrono::system_clock::now;
  };

  // The client outlives it.
  LeaseCollector(kube::Client& client, Options options);
  LeaseCollector(const LeaseCollector&) = delete;
  LeaseCollector& operator=(const LeaseCollector&) = delete;
  // Ends a request on its way.
  ~LeaseCollector();

  uint64_t culled() const { return culled_; }
  const kube::RequestCounts& lists() const { return lists_; }
  const kube::RequestCounts& deletes() const { return deletes_; }

 private:
  void Work(const std::stop_token& stop);
  absl::Status CollectOnce(const std::stop_token& stop);
  absl::Status Delete(const kube::Lease& lease, const std::stop_token& stop);

  kube::Client& client_;
  const Options options_;
  std::atomic<uint64_t> culled_ = 0;
  kube::RequestCounts lists_;
  kube::RequestCounts deletes_;
  std::jthread thread_;
};

}  // namespace hawser::hub
