#include "spoke/lease_watch.h"

#include <algorithm>
#include <utility>

#include "lib/kube/lease.h"

namespace hawser::spoke {

LeaseWatch::LeaseWatch(kube::Config config, const LeaseFilter& filter,
                       std::function<kube::WallTime()> now)
    : now_(std::move(now)),
      client_(std::move(config)),
      informer_(client_,
                {.resource = kube::kLeases,
                 .selection = {.ns = filter.name_space, .label_selector = filter.labels.text()},
                 .list_answers = &counters_.lists,
                 .watch_answers = &counters_.watches}) {
  informer_.OnChange([this](const kube::Change& change) { OnChange(change); });
  informer_.Start();
}

void LeaseWatch::OnChange(const kube::Change& change) {
  const auto expiry =
      change.after == nullptr ? std::nullopt : kube::ExpiryOf(kube::ParseLease(*change.after));
  const std::lock_guard lock(mutex_);
  if (expiry) {
    expiries_[change.key] = *expiry;
  } else {
    expiries_.erase(change.key);
  }
}

size_t LeaseWatch::Count() {
  if (!informer_.status().ok()) return last_;
  const kube::WallTime now = now_();
  const std::lock_guard lock(mutex_);
  const auto valid = std::count_if(expiries_.begin(), expiries_.end(),
                                   [&](const auto& lease) { return lease.second > now; });
  return last_ = std::max<size_t>(valid, 1);
}

}  // namespace hawser::spoke
