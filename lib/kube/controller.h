// Brings the world to where it should be, key by key.
//
//   class Signer : public Reconciler {
//     absl::StatusOr<Outcome> Reconcile(const std::string& key, const std::stop_token&) override;
//   };
//   Controller controller("signer", signer, {.workers = 2});
//   informer.OnChange([&](const Change& change) { controller.queue().Add(change.key); });
//   controller.Start();
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/kube/work_queue.h"

namespace hawser::kube {

// What is left to do with a key that did not fail.
struct Outcome {
  std::optional<base::Duration> again_after;

  static Outcome Done() { return {}; }
  // Look at it again after that time, even if nothing changes.
  static Outcome After(base::Duration delay) { return {delay}; }
};

// Level based: it gets a key, never an event, reads what is there now, and does what is missing. It
// may be called for a key that is in order, or of which nothing is left.
class Reconciler {
 public:
  virtual ~Reconciler() = default;
  // An error makes the key come again, later each time. Called on a worker's thread, by several
  // workers for different keys; must return soon after a stop is requested.
  virtual absl::StatusOr<Outcome> Reconcile(const std::string& key,
                                            const std::stop_token& stop) = 0;
};

// Threads: any; Start() and Stop() on the same one.
class Controller {
 public:
  struct Options {
    int workers = 1;
    WorkQueue::Options queue;
  };
  struct Counts {
    uint64_t done = 0;
    uint64_t failed = 0;     // conflicts included
    uint64_t conflicts = 0;  // somebody else wrote first; not logged
  };

  // The reconciler outlives the controller; `name` is for log lines.
  Controller(std::string name, Reconciler& reconciler, Options options);
  Controller(std::string name, Reconciler& reconciler)
      : Controller(std::move(name), reconciler, Options()) {}
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  ~Controller() { Stop(); }

  WorkQueue& queue() { return queue_; }
  void Start();
  // Waits for what is being reconciled. Its keys are in the queue again, and those that are added
  // meanwhile stay there, for the next Start().
  void Stop();
  Counts counts() const { return {done_, failed_, conflicts_}; }

 private:
  void Work(const std::stop_token& stop);
  void Handle(const std::string& key, const std::stop_token& stop);

  const std::string name_;
  Reconciler& reconciler_;
  const int worker_count_;
  WorkQueue queue_;
  std::atomic<uint64_t> done_ = 0;
  std::atomic<uint64_t> failed_ = 0;
  std::atomic<uint64_t> conflicts_ = 0;
  std::vector<std::jthread> workers_;
};

}  // namespace hawser::kube
