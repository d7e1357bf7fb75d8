#include "spoke/health_lease.h"

#include <glog/logging.h>

#include <utility>

#include "lib/base/log_limit.h"
#include "lib/kube/backoff.h"
#include "lib/kube/lease.h"

namespace hawser::spoke {
namespace {

using std::chrono::seconds;

constexpr seconds kRequestTimeout(10);

}  // namespace

HealthLease::HealthLease(kube::Config config, Options options)
    : options_(std::move(options)),
      client_(std::move(config), {.timeout = kRequestTimeout}),
      thread_([this](const std::stop_token& stop) { Work(stop); }) {}

HealthLease::~HealthLease() {
  thread_.request_stop();
  thread_.join();
}

void HealthLease::SetConnected(bool connected) {
  const std::lock_guard lock(mutex_);
  connected_ = connected;
  changed_.notify_all();
}

void HealthLease::Work(const std::stop_token& stop) {
  const std::string key = options_.name.Key();
  kube::Backoff backoff(options_.first_retry, options_.interval);
  base::LogLimit failures({.burst = 3, .interval = std::chrono::minutes(1)});
  bool works = false;
  base::Time due = base::Time::min();
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return connected_; }) && !stop.stop_requested()) {
    if (base::Clock::now() < due) {
      changed_.wait_until(lock, stop, due, [this] { return !connected_; });
      continue;
    }
    lock.unlock();
    const absl::Status renewed = Renew(stop);
    if (stop.stop_requested()) return;
    const base::Time now = base::Clock::now();
    if (renewed.ok()) {
      ++renewals_;
      if (!std::exchange(works, true)) LOG(INFO) << "health lease " << key << " is renewed";
      backoff.Reset();
      due = now + options_.interval;
    } else {
      ++failures_;
      works = false;
      if (const auto line = failures.Admit(now))
        LOG(WARNING) << "health lease " << key << " not renewed: " << renewed.message() << *line;
      due = now + backoff.Next(kube::Random());
    }
    lock.lock();
  }
}

absl::Status HealthLease::Renew(const std::stop_token& stop) {
  const kube::Call call{.stop = stop};
  const kube::Lease lease{.name = options_.name,
                          .holder = options_.holder,
                          .duration = std::chrono::ceil<seconds>(options_.interval),
                          .renewed = std::chrono::system_clock::now()};
  const kube::Object object = kube::LeaseObject(lease);
  const kube::Object patch = {{"spec", object["spec"]}};
  const absl::Status patched =
      client_.MergePatch(kube::kLeases, options_.name, patch, call).status();
  if (!absl::IsNotFound(patched)) return patched;
  const absl::Status created = client_.Create(kube::kLeases, object, call).status();
  // Another replica was faster, a moment ago.
  return absl::IsAlreadyExists(created) ? absl::OkStatus() : created;
}

}  // namespace hawser::spoke
