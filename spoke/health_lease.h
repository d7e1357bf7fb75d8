// Tells Open Cluster Management that this agent works: a Lease in the agent's own cluster that is
// renewed only while there is a link to a hub. OCM's agent there reads it every 30 s and calls the
// add-on unavailable once it is 5 min old.
//
// Replicas share the lease: whichever is connected renews it, without looking who did before, so
// that they never conflict. The service account needs, in that namespace,
//
//   - {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create]}
//   - {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [<the name>],
//      verbs: [patch]}
//
// While the API server does not answer or refuses, it is asked again, ever less often up to once an
// interval; nothing else of the agent notices.
//
// Threads: a few words with any; a thread of its own waits for the API server.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/kube/client.h"

namespace hawser::spoke {

class HealthLease {
 public:
  struct Options {
    kube::ObjectName name;
    std::string holder;  // who renews it, for people to read
    base::Duration interval = std::chrono::seconds(60);
    base::Duration first_retry = std::chrono::seconds(1);
  };

  HealthLease(kube::Config config, Options options);
  HealthLease(const HealthLease&) = delete;
  HealthLease& operator=(const HealthLease&) = delete;
  // Ends a request on its way.
  ~HealthLease();

  // Whether there is a link to a hub. The first one renews the lease at once, later ones when it is
  // due. Returns at once.
  void SetConnected(bool connected);

  // So far.
  uint64_t renewals() const { return renewals_; }
  uint64_t failures() const { return failures_; }

 private:
  void Work(const std::stop_token& stop);
  absl::Status Renew(const std::stop_token& stop);

  const Options options_;
  kube::Client client_;
  std::atomic<uint64_t> renewals_ = 0;
  std::atomic<uint64_t> failures_ = 0;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool connected_ = false;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace hawser::spoke
