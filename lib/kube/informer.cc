#include "lib/kube/informer.h"

#include <glog/logging.h>

#include <algorithm>
#include <set>
#include <utility>

#include "lib/base/status.h"
#include "lib/kube/api_error.h"

namespace hawser::kube {
namespace {

// A watch that lived so long was worth it, even if nothing happened.
constexpr std::chrono::seconds kHealthy(1);
constexpr std::chrono::minutes kListTimeout(2);

ObjectPtr Trim(Object object) {
  if (const auto metadata = object.find("metadata");
      metadata != object.end() && metadata->is_object())
    metadata->erase("managedFields");
  return std::make_shared<const Object>(std::move(object));
}

}  // namespace

Informer::Informer(Client& client, Options options)
    : client_(client),
      options_(std::move(options)),
      backoff_(options_.first_delay, options_.longest_delay) {}

void Informer::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Informer::Stop() {
  thread_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Informer::synced() const {
  const std::lock_guard lock(mutex_);
  return synced_;
}

bool Informer::WaitForSync(base::Duration timeout) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [this] { return synced_ || stopped_; });
  return synced_;
}

ObjectPtr Informer::Get(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = store_.find(key);
  return found == store_.end() ? nullptr : found->second;
}

std::vector<ObjectPtr> Informer::List(const std::string& ns) const {
  const std::lock_guard lock(mutex_);
  std::vector<ObjectPtr> all;
  const std::string prefix = ns.empty() ? "" : ns + "/";
  for (auto at = store_.lower_bound(prefix);
       at != store_.end() && at->first.compare(0, prefix.size(), prefix) == 0; ++at)
    all.push_back(at->second);
  return all;
}

Informer::Counts Informer::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

absl::Status Informer::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Informer::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    absl::Status status;
    if (resource_version_.empty()) status = Relist(stop);
    if (status.ok()) status = WatchOnce(stop);
    if (stop.stop_requested()) return;
    if (status.ok()) continue;
    Report(status);
    if (IsGone(status)) {
      resource_version_.clear();
      // Once at once, as after each restart of a server; not again and again.
      if (!std::exchange(forgotten_, true)) continue;
    }
    options_.pause(backoff_.Next(Random()), stop);
  }
}

// Logs the first of several failures, and each that has another cause.
void Informer::Report(const absl::Status& failure) {
  const std::lock_guard lock(mutex_);
  ++counts_.failures;
  if (status_ != failure) LOG(WARNING) << failure.message() << ": trying again";
  status_ = failure;
}

absl::Status Informer::Relist(const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    ++counts_.lists;
  }
  const base::Time started = base::Clock::now();
  auto list =
      client_.List(options_.resource, options_.selection, {.timeout = kListTimeout, .stop = stop});
  if (options_.list_answers != nullptr)
    options_.list_answers->Observe(list.status(), base::Clock::now() - started);
  if (!list.ok()) return list.status();
  std::set<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, object] : store_) gone.insert(key);
  }
  for (Object& item : list->items) {
    const std::string key = NameOf(item).Key();
    if (key.empty()) continue;
    gone.erase(key);
    Replace(key, Trim(std::move(item)));
  }
  for (const std::string& key : gone) Forget(key);
  resource_version_ = list->resource_version;
  const std::lock_guard lock(mutex_);
  synced_ = true;
  changed_.notify_all();
  return absl::OkStatus();
}

absl::Status Informer::WatchOnce(const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    ++counts_.watches;
  }
  const base::Time started = base::Clock::now();
  const auto jitter = std::chrono::duration_cast<std::chrono::seconds>(options_.watch * Random());
  bool told = false;
  bool accepted = false;
  const auto count = [&](const absl::Status& status) {
    if (options_.watch_answers != nullptr)
      options_.watch_answers->Observe(status, base::Clock::now() - started);
  };
  const absl::Status status = Watch(
      client_, options_.resource,
      {.selection = options_.selection,
       .resource_version = resource_version_,
       .duration = options_.watch + jitter,
       .on_open =
           [&] {
             accepted = true;
             count(absl::OkStatus());
             const std::lock_guard lock(mutex_);
             status_ = absl::OkStatus();
           }},
      [&](WatchEvent event) {
        told = true;
        return Take(std::move(event));
      },
      stop);
  if (!accepted) count(status);
  const bool healthy = told || (accepted && base::Clock::now() - started >= kHealthy);
  if (healthy) {
    backoff_.Reset();
    forgotten_ = false;
  }
  if (!status.ok() || healthy) return status;
  return absl::UnavailableError("watch " + options_.resource.Text() +
                                ": the server ended it at once");
}

absl::Status Informer::Take(WatchEvent event) {
  resource_version_ = ResourceVersionOf(event.object);
  {
    const std::lock_guard lock(mutex_);
    ++counts_.events;
  }
  if (event.type == WatchEvent::Type::kBookmark) return absl::OkStatus();
  const std::string key = NameOf(event.object).Key();
  if (event.type == WatchEvent::Type::kDeleted) {
    Forget(key);
  } else {
    Replace(key, Trim(std::move(event.object)));
  }
  return absl::OkStatus();
}

void Informer::Replace(const std::string& key, ObjectPtr after) {
  Change change{key, nullptr, after};
  {
    const std::lock_guard lock(mutex_);
    ObjectPtr& place = store_[key];
    change.before = std::exchange(place, std::move(after));
  }
  // A list after a gap finds most objects as they were.
  if (change.before != nullptr &&
      ResourceVersionOf(*change.before) == ResourceVersionOf(*change.after) &&
      UidOf(*change.before) == UidOf(*change.after))
    return;
  for (const Handler& handler : handlers_) handler(change);
}

void Informer::Forget(const std::string& key) {
  Change change{key, nullptr, nullptr};
  {
    const std::lock_guard lock(mutex_);
    auto node = store_.extract(key);
    if (node.empty()) return;
    change.before = std::move(node.mapped());
  }
  for (const Handler& handler : handlers_) handler(change);
}

}  // namespace hawser::kube
