// Keys that wait to be worked on. A key is in the queue once, however often it is added, and never
// with two workers at a time: added while it is worked on, it comes again afterwards.
//
//   while (const auto key = queue.Get(stop)) {
//     Reconcile(*key) ? queue.Forget(*key) : queue.AddRateLimited(*key);
//     queue.Done(*key);
//   }
//
// Threads: any.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "lib/base/scheduler.h"
#include "lib/kube/backoff.h"
#include "lib/kube/token_bucket.h"

namespace hawser::kube {

class WorkQueue {
 public:
  struct Options {
    // Delays of AddRateLimited(): of a key that fails again and again, ...
    base::Duration first_delay = std::chrono::milliseconds(100);
    base::Duration longest_delay = std::chrono::minutes(5);
    // ... and of all keys together, per second; no limit when zero.
    double rate = 10;
    double burst = 100;

    std::function<base::Time()> now = base::Clock::now;
    std::function<double()> random = Random;
  };

  WorkQueue() : WorkQueue(Options()) {}
  explicit WorkQueue(Options options);
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void Add(const std::string& key);
  // The earliest of several delays counts; none when the key is there before it is over.
  void AddAfter(const std::string& key, base::Duration delay);
  // After a failure: with a delay that grows until Forget(). Returns the delay.
  base::Duration AddRateLimited(const std::string& key);
  // The key has not failed; it stays in the queue if it is there.
  void Forget(const std::string& key);

  // Waits for a key; none once a stop is requested, whatever is left in the queue.
  std::optional<std::string> Get(const std::stop_token& stop);
  // A key that is due now, if any.
  std::optional<std::string> TryGet();
  // Each key that was taken is given back by this.
  void Done(const std::string& key);

  // Keys that are due, without those that are worked on or delayed.
  size_t size() const;

 private:
  struct Entry {
    bool queued = false;            // due: in ready_, or to be put there by Done()
    bool processing = false;        // with a worker
    std::optional<base::Time> due;  // in delayed_, too
    std::optional<Backoff> failures;

    bool idle() const { return !queued && !processing && !due && !failures; }
  };
  using Entries = std::map<std::string, Entry>;

  void Enqueue(const std::string& key, Entry& entry);
  void Delay(const std::string& key, base::Duration delay);
  void MoveDue();
  std::optional<std::string> TakeReady();

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  Entries entries_;
  std::deque<std::string> ready_;
  std::multimap<base::Time, std::string> delayed_;
  TokenBucket bucket_;
};

}  // namespace hawser::kube
