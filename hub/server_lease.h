// A hub's own Lease, by which agents count hubs: renewed for as long as it serves, on a thread of
// its own that waits for the API server.
//
// The hub's user needs, in the namespace of the leases,
//
//   - {apiGroups: [coordination.k8s.io], resources: [leases],
//      verbs: [get, create, update, delete, list]}       # list: for LeaseCollector
//
// While the API server does not answer or refuses, it is asked again, ever less often up to once an
// interval; nothing else of the hub notices.
//
// Threads: one, beside its own.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/kube/client.h"

namespace hawser::hub {

class ServerLease {
 public:
  // The times are Konnectivity's.
  struct Options {
    kube::ObjectName name;
    std::map<std::string, std::string> labels;
    std::string holder;
    std::chrono::seconds duration{30};
    base::Duration interval = std::chrono::seconds(15);
    base::Duration first_retry = std::chrono::seconds(1);
  };

  // The client outlives it.
  ServerLease(kube::Client& client, Options options);
  ServerLease(const ServerLease&) = delete;
  ServerLease& operator=(const ServerLease&) = delete;
  // Waits until the lease is deleted, or could not be.
  ~ServerLease();

  // Ends renewals and deletes the lease, so that agents look for this hub no more. Does not wait.
  void Withdraw() { thread_.request_stop(); }

 private:
  void Work(const std::stop_token& stop);
  absl::Status Renew(const std::stop_token& stop);
  void Delete();

  kube::Client& client_;
  const Options options_;
  std::jthread thread_;
};

}  // namespace hawser::hub
