#include "hub/server_lease.h"

#include <glog/logging.h>

#include <utility>

#include "lib/base/log_limit.h"
#include "lib/base/status.h"
#include "lib/kube/backoff.h"
#include "lib/kube/lease.h"

namespace hawser::hub {
namespace {

constexpr std::chrono::seconds kRequestTimeout(5);
// The end of the process waits for it.
constexpr std::chrono::seconds kDeleteTimeout(2);

}  // namespace

ServerLease::ServerLease(kube::Client& client, Options options)
    : client_(client),
      options_(std::move(options)),
      thread_([this](const std::stop_token& stop) { Work(stop); }) {}

ServerLease::~ServerLease() {
  thread_.request_stop();
  thread_.join();
}

void ServerLease::Work(const std::stop_token& stop) {
  const std::string key = options_.name.Key();
  kube::Backoff backoff(options_.first_retry, options_.interval);
  base::LogLimit failures({.burst = 3, .interval = std::chrono::minutes(1)});
  bool works = false;
  base::Duration pause;
  do {
    const absl::Status renewed = Renew(stop);
    if (renewed.ok()) {
      if (!std::exchange(works, true)) LOG(INFO) << "lease " << key << " is renewed";
      backoff.Reset();
      pause = options_.interval;
    } else {
      works = false;
      if (const auto line = failures.Admit(base::Clock::now()); line && !stop.stop_requested())
        LOG(WARNING) << "lease " << key << " not renewed: " << renewed.message() << *line;
      pause = backoff.Next(kube::Random());
    }
  } while (kube::Pause(pause, stop));
  Delete();
}

absl::Status ServerLease::Renew(const std::stop_token& stop) {
  const kube::Call call{.timeout = kRequestTimeout, .stop = stop};
  const auto stored = client_.Get(kube::kLeases, options_.name, call);
  const bool create = absl::IsNotFound(stored.status());
  if (!stored.ok() && !create) return stored.status();
  const kube::WallTime now = std::chrono::system_clock::now();
  kube::Lease lease = create ? kube::Lease{.name = options_.name} : kube::ParseLease(*stored);
  // Whatever held it before had our name, and has ended.
  if (lease.holder != options_.holder || !lease.acquired) lease.acquired = now;
  lease.holder = options_.holder;
  lease.labels = options_.labels;
  lease.duration = options_.duration;
  lease.renewed = now;
  const kube::Object object = kube::LeaseObject(lease);
  return create ? client_.Create(kube::kLeases, object, call).status()
                : client_.Update(kube::kLeases, object, call).status();
}

void ServerLease::Delete() {
  const absl::Status status =
      client_.Delete(kube::kLeases, options_.name, {}, {.timeout = kDeleteTimeout});
  if (!status.ok() && !absl::IsNotFound(status))
    LOG(WARNING) << "lease " << options_.name.Key() << " not deleted: " << status.message();
}

}  // namespace hawser::hub
