#include "lib/kube/controller.h"

#include <glog/logging.h>

#include <utility>

#include "lib/base/duration.h"
#include "lib/kube/api_error.h"
#include "lib/kube/object.h"

namespace hawser::kube {
namespace {

// An object of another shape than its schema promised must not end the process: a look at it that
// throws is an error like any other.
absl::StatusOr<Outcome> Guarded(Reconciler& reconciler, const std::string& key,
                                const std::stop_token& stop) {
  try {
    return reconciler.Reconcile(key, stop);
  } catch (const Object::exception& error) {
    return absl::InternalError(std::string("an object of unexpected shape: ") + error.what());
  }
}

}  // namespace

Controller::Controller(std::string name, Reconciler& reconciler, Options options)
    : name_(std::move(name)),
      reconciler_(reconciler),
      worker_count_(options.workers),
      queue_(std::move(options.queue)) {}

void Controller::Start() {
  for (int i = 0; i < worker_count_; ++i)
    workers_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
}

void Controller::Stop() {
  for (std::jthread& worker : workers_) worker.request_stop();
  workers_.clear();
}

void Controller::Work(const std::stop_token& stop) {
  while (const std::optional<std::string> key = queue_.Get(stop)) {
    Handle(*key, stop);
    queue_.Done(*key);
  }
}

void Controller::Handle(const std::string& key, const std::stop_token& stop) {
  const absl::StatusOr<Outcome> outcome = Guarded(reconciler_, key, stop);
  if (stop.stop_requested()) {
    queue_.Add(key);
    return;
  }
  if (outcome.ok()) {
    ++done_;
    queue_.Forget(key);
    if (outcome->again_after.has_value()) queue_.AddAfter(key, *outcome->again_after);
    return;
  }
  ++failed_;
  const base::Duration delay = queue_.AddRateLimited(key);
  if (IsConflict(outcome.status())) {
    ++conflicts_;
    return;
  }
  LOG(WARNING) << name_ << ": " << key << ": " << outcome.status().message() << "; again in "
               << base::FormatDuration(std::chrono::round<std::chrono::milliseconds>(delay));
}

}  // namespace hawser::kube
