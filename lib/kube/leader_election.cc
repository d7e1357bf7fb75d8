#include "lib/kube/leader_election.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "lib/kube/api_error.h"
#include "lib/kube/backoff.h"

namespace hawser::kube {
namespace {

constexpr std::chrono::seconds kReleaseTimeout(3);

}  // namespace

LeaderElector::LeaderElector(Client& client, LeaderElectionOptions options)
    : client_(client), options_(std::move(options)) {
  CHECK(options_.renew_deadline < options_.lease_duration);
  CHECK(!options_.identity.empty());
}

void LeaderElector::Step(const std::stop_token& stop) {
  const base::Time began = options_.now();
  const base::Duration left =
      elected_ ? renewed_at_ + options_.renew_deadline - began : options_.renew_deadline;
  Result result = Result::kUnknown;
  if (left > base::Duration::zero()) result = TryOnce(began, {.timeout = left, .stop = stop});
  if (stop.stop_requested()) return;

  if (result == Result::kOurs) {
    renewed_at_ = began;
    leader_until_ = (began + options_.renew_deadline).time_since_epoch();
    if (std::exchange(elected_, true)) return;
    LOG(INFO) << "leader election: " << options_.identity << " leads, by the lease "
              << options_.lease.Key();
    if (options_.on_elected) options_.on_elected();
    return;
  }
  // Without word from the API server we lead until the deadline.
  const bool lost =
      result == Result::kTheirs || options_.now() >= renewed_at_ + options_.renew_deadline;
  if (!elected_ || !lost) return;
  elected_ = false;
  leader_until_ = base::Duration::min();
  LOG(WARNING) << "leader election: lost the lease " << options_.lease.Key()
               << (result == Result::kTheirs ? " to " + seen_.holder : ": could not renew it");
  if (options_.on_lost) options_.on_lost();
}

void LeaderElector::Observe(const Lease& lease, base::Time now) {
  if (lease == seen_) return;
  if (lease.holder != seen_.holder && lease.holder != options_.identity)
    LOG(INFO) << "leader election: the lease " << options_.lease.Key() << " is held by "
              << (lease.holder.empty() ? "nobody" : lease.holder);
  seen_ = lease;
  seen_at_ = now;
}

LeaderElector::Result LeaderElector::TryOnce(base::Time now, const Call& call) {
  const absl::StatusOr<Object> object = client_.Get(kLeases, options_.lease, call);
  if (absl::IsNotFound(object.status())) return Write({.name = options_.lease}, true, now, call);
  if (!object.ok()) {
    LOG(WARNING) << "leader election: " << object.status().message();
    return Result::kUnknown;
  }
  const Lease lease = ParseLease(*object);
  // As of now, not of when the request began: the lease may have been renewed since.
  const base::Time seen_at = options_.now();
  Observe(lease, seen_at);
  const bool ours = lease.holder == options_.identity;
  if (!ours && !lease.holder.empty() && seen_at < seen_at_ + lease.duration) return Result::kTheirs;
  return Write(lease, false, now, call);
}

LeaderElector::Result LeaderElector::Write(Lease lease, bool create, base::Time now,
                                           const Call& call) {
  const WallTime wall_now = options_.wall_now();
  if (lease.holder != options_.identity || !lease.acquired.has_value()) {
    lease.acquired = wall_now;
    if (!create) ++lease.transitions;
  }
  lease.holder = options_.identity;
  lease.duration = options_.lease_duration;
  lease.renewed = wall_now;
  const absl::StatusOr<Object> written = create ? client_.Create(kLeases, LeaseObject(lease), call)
                                                : client_.Update(kLeases, LeaseObject(lease), call);
  if (written.ok()) {
    Observe(ParseLease(*written), now);
    return Result::kOurs;
  }
  // Somebody was faster; the next attempt will see who.
  if (!IsConflict(written.status()) && !absl::IsAlreadyExists(written.status()))
    LOG(WARNING) << "leader election: " << written.status().message();
  return Result::kUnknown;
}

void LeaderElector::Release() {
  if (!std::exchange(elected_, false)) return;
  leader_until_ = base::Duration::min();
  Lease lease = seen_;
  lease.holder.clear();
  lease.duration = std::chrono::seconds(1);
  lease.renewed = options_.wall_now();
  // With the resource version of our last renewal: another leader's lease is left alone.
  const auto written = client_.Update(kLeases, LeaseObject(lease), {.timeout = kReleaseTimeout});
  if (!written.ok()) LOG(WARNING) << "leader election: release: " << written.status().message();
}

void LeaderElection::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    do {
      elector_.Step(stop);
      // Candidates do not ask in step.
    } while (
        Pause(std::chrono::duration_cast<base::Duration>(period_ * (0.8 + 0.2 * Random())), stop));
    elector_.Release();
  });
}

void LeaderElection::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace hawser::kube
