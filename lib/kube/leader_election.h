// One leader among several replicas, by a Lease.
//
//   LeaderElection election(client, {.lease = {ns, "addon-manager"}, .identity = pod + "_" + uid,
//                                    .on_elected = [&] { controllers.Start(); },
//                                    .on_lost = [] { LOG(FATAL) << "lost the lease"; }});
//   election.Start();
//
// Clocks of different machines are never compared: a candidate takes over when the lease has not
// changed for its duration, by the candidate's own steady clock. The leader gives up when it could
// not renew for `renew_deadline`, which is less than that duration, so that there are never two.
// on_lost cannot undo a request on its way: work that must not overlap asks IsLeader() before each
// write, or uses resource versions.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "lib/base/scheduler.h"
#include "lib/kube/client.h"
#include "lib/kube/lease.h"

namespace hawser::kube {

struct LeaderElectionOptions {
  ObjectName lease;
  std::string identity;  // unlike that of any other process, now or before
  std::chrono::seconds lease_duration{15};
  base::Duration renew_deadline = std::chrono::seconds(10);
  base::Duration retry_period = std::chrono::seconds(2);
  // On the election's thread; must return soon, or the lease is not renewed. May be null.
  std::function<void()> on_elected;
  // Never after Stop(). The process may stand for election again, or better exit.
  std::function<void()> on_lost;

  std::function<base::Time()> now = base::Clock::now;
  std::function<WallTime()> wall_now = std::chrono::system_clock::now;
};

// The election without a thread: one attempt at a time.
class LeaderElector {
 public:
  // The client outlives it.
  LeaderElector(Client& client, LeaderElectionOptions options);

  // Tries to acquire or to renew the lease and calls back when that changes something. Waits for
  // the API server, but never beyond the renew deadline.
  void Step(const std::stop_token& stop);
  // Gives the lease up, so that another one need not wait. Calls nobody back.
  void Release();

  // Whether the lease is ours for sure, now. Threads: any.
  bool IsLeader() const { return options_.now() < Time(leader_until_.load()); }
  // Who holds it as far as we know; empty when nobody does.
  const std::string& holder() const { return seen_.holder; }

 private:
  static base::Time Time(base::Duration since_epoch) { return base::Time(since_epoch); }
  enum class Result { kOurs, kTheirs, kUnknown };
  Result TryOnce(base::Time now, const Call& call);
  Result Write(Lease lease, bool create, base::Time now, const Call& call);
  void Observe(const Lease& lease, base::Time now);

  Client& client_;
  const LeaderElectionOptions options_;
  bool elected_ = false;   // and not told otherwise
  Lease seen_;             // the lease as it was when it changed last, ...
  base::Time seen_at_;     // ... which we noticed then
  base::Time renewed_at_;  // when the last successful attempt began
  std::atomic<base::Duration> leader_until_ = base::Duration::min();  // since the clock's epoch
};

// The same on a thread of its own.
class LeaderElection {
 public:
  LeaderElection(Client& client, LeaderElectionOptions options)
      : period_(options.retry_period), elector_(client, std::move(options)) {}
  LeaderElection(const LeaderElection&) = delete;
  LeaderElection& operator=(const LeaderElection&) = delete;
  ~LeaderElection() { Stop(); }

  void Start();
  // Releases the lease: whatever only a leader may do must have ended.
  void Stop();
  bool IsLeader() const { return elector_.IsLeader(); }

 private:
  const base::Duration period_;
  LeaderElector elector_;
  std::jthread thread_;
};

}  // namespace hawser::kube
