// A local copy of a collection that follows the API server: one list, then watches that each
// resume where the last one ended. It lists again only when the server no longer knows the changes
// since then (410 Gone).
//
//   Informer informer(client, {.resource = kSecrets, .selection = {.ns = "kube-system"}});
//   informer.OnChange([&](const Change& change) { queue.Add(change.key); });
//   informer.Start();
//   if (!informer.WaitForSync(10s)) ...
//
// Objects are kept without metadata.managedFields, and never change once they are in the store.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/scheduler.h"
#include "lib/kube/backoff.h"
#include "lib/kube/client.h"
#include "lib/kube/request_counts.h"
#include "lib/kube/watch.h"

namespace hawser::kube {

using ObjectPtr = std::shared_ptr<const Object>;

// One of `before` and `after` is null when the object was added or deleted.
struct Change {
  std::string key;  // of ObjectName
  ObjectPtr before;
  ObjectPtr after;
};

// Threads: any, unless a method says otherwise.
class Informer {
 public:
  struct Options {
    Resource resource;
    Selection selection;
    // How long one watch lasts; each is up to twice as long, so that they do not end together.
    std::chrono::seconds watch{300};
    base::Duration first_delay = std::chrono::milliseconds(500);  // after a failure
    // Short: all that a server owes us after an absence is a list, and its absence is felt by all
    // who wait for our work.
    base::Duration longest_delay = std::chrono::seconds(5);
    // What came of each list, and of each attempt to watch. May be null; outlive the informer.
    RequestCounts* list_answers = nullptr;
    RequestCounts* watch_answers = nullptr;
    // Waits after a failure; see Pause().
    std::function<void(base::Duration, const std::stop_token&)> pause = Pause;
  };
  struct Counts {
    uint64_t lists = 0;
    uint64_t watches = 0;
    uint64_t events = 0;  // bookmarks included
    uint64_t failures = 0;
  };
  // Runs on the informer's thread, in the order of changes, after the store has changed; what it
  // does delays all that follows. Must not call Stop().
  using Handler = std::function<void(const Change& change)>;

  // The client outlives the informer.
  Informer(Client& client, Options options);
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;
  ~Informer() { Stop(); }

  // Before Start().
  void OnChange(Handler handler) { handlers_.push_back(std::move(handler)); }
  void Start();
  // Ends what it waits for; no handler runs afterwards. Waits for the thread.
  void Stop();

  // Whether the first list is in the store, and its handlers have run.
  bool synced() const;
  // Waits for that; false when it takes longer or the informer is stopped.
  bool WaitForSync(base::Duration timeout) const;

  // Null when there is none.
  ObjectPtr Get(const std::string& key) const;
  // In the order of keys; of all namespaces when `ns` is empty.
  std::vector<ObjectPtr> List(const std::string& ns = "") const;
  Counts counts() const;
  // Why there is no watch now; OK when there is one.
  absl::Status status() const;

 private:
  using Store = std::map<std::string, ObjectPtr>;

  void Run(const std::stop_token& stop);
  absl::Status Relist(const std::stop_token& stop);
  absl::Status WatchOnce(const std::stop_token& stop);
  absl::Status Take(WatchEvent event);
  void Replace(const std::string& key, ObjectPtr after);
  void Forget(const std::string& key);
  void Report(const absl::Status& failure);

  Client& client_;
  const Options options_;
  std::vector<Handler> handlers_;

  // Of the informer's thread.
  std::string resource_version_;  // empty when a list is due
  Backoff backoff_;
  bool forgotten_ = false;  // the server no longer knew our version, and no watch was healthy since

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // Guarded by mutex_:
  Store store_;
  Counts counts_;
  absl::Status status_ = absl::UnavailableError("not started");
  bool synced_ = false;
  bool stopped_ = false;

  std::jthread thread_;
};

}  // namespace hawser::kube
