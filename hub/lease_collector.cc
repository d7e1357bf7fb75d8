#include "hub/lease_collector.h"

#include <glog/logging.h>

#include <utility>
#include <vector>

#include "lib/base/quote.h"
#include "lib/kube/backoff.h"

namespace hawser::hub {
namespace {

constexpr std::chrono::seconds kRequestTimeout(10);

// Prometheus' own, which Konnectivity leaves as they are.
const std::vector<double> kBuckets{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

}  // namespace

LeaseCollector::LeaseCollector(kube::Client& client, Options options)
    : client_(client),
      options_(std::move(options)),
      lists_(kBuckets),
      deletes_(kBuckets),
      thread_([this](const std::stop_token& stop) { Work(stop); }) {}

LeaseCollector::~LeaseCollector() {
  thread_.request_stop();
  thread_.join();
}

void LeaseCollector::Work(const std::stop_token& stop) {
  base::LogLimit failures({.burst = 3, .interval = std::chrono::minutes(1)});
  do {
    const absl::Status status = CollectOnce(stop);
    if (status.ok() || stop.stop_requested()) continue;
    if (const auto line = failures.Admit(base::Clock::now()))
      LOG(WARNING) << "expired leases not removed: " << status.message() << *line;
  } while (kube::Pause(options_.interval, stop));
}

absl::Status LeaseCollector::CollectOnce(const std::stop_token& stop) {
  const base::Time begun = base::Clock::now();
  const auto list = client_.List(kube::kLeases, options_.leases, {kRequestTimeout, stop});
  lists_.Observe(list.status(), base::Clock::now() - begun);
  if (!list.ok()) return list.status();
  absl::Status result;
  for (const kube::Object& object : list->items) {
    const kube::Lease lease = kube::ParseLease(object);
    if (kube::HasExpired(lease, options_.now())) result.Update(Delete(lease, stop));
  }
  return result;
}

absl::Status LeaseCollector::Delete(const kube::Lease& lease, const std::stop_token& stop) {
  const base::Time begun = base::Clock::now();
  // As it was seen: it may have been renewed since.
  const absl::Status status =
      client_.Delete(kube::kLeases, lease.name, {.resource_version = lease.resource_version},
                     {kRequestTimeout, stop});
  deletes_.Observe(status, base::Clock::now() - begun);
  if (status.ok()) {
    ++culled_;
    LOG(INFO) << "lease " << lease.name.Key() << " of " << base::Quote(lease.holder)
              << " had expired";
  }
  // Another hub was faster, or its own is back.
  return absl::IsNotFound(status) || absl::IsAborted(status) ? absl::OkStatus() : status;
}

}  // namespace hawser::hub
