#include "lib/kube/controller.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "lib/kube/api_error.h"
#include "lib/kube/object.h"

namespace hawser::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Answers from a script for each key, then OK.
class ScriptedReconciler final : public Reconciler {
 public:
  using Step = std::function<absl::StatusOr<Outcome>(const std::stop_token&)>;

  void Script(const std::string& key, Step step) { script_[key].push_back(std::move(step)); }

  absl::StatusOr<Outcome> Reconcile(const std::string& key, const std::stop_token& stop) override {
    Step step;
    {
      const std::lock_guard lock(mutex_);
      ++calls_[key];
      changed_.notify_all();
      if (auto& steps = script_[key]; !steps.empty()) {
        step = std::move(steps.front());
        steps.erase(steps.begin());
      }
    }
    return step ? step(stop) : Outcome::Done();
  }

  void AwaitCalls(const std::string& key, int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return calls_[key] >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::vector<Step>> script_;  // guarded by mutex_, as is
  std::map<std::string, int> calls_;
};

class ControllerTest : public ::testing::Test {
 protected:
  void AwaitCounts(uint64_t done, uint64_t failed) {
    while (controller_.counts().done < done || controller_.counts().failed < failed)
      std::this_thread::yield();
  }

  ScriptedReconciler reconciler_;
  Controller controller_{
      "test", reconciler_, {.workers = 2, .queue = {.first_delay = milliseconds(2), .rate = 0}}};
};

TEST_F(ControllerTest, ComesAgainAfterAnError) {
  for (int i = 0; i < 3; ++i)
    reconciler_.Script("a", [](const auto&) { return absl::UnavailableError("not now"); });
  controller_.queue().Add("a");
  controller_.Start();
  reconciler_.AwaitCalls("a", 4);
  AwaitCounts(1, 3);
  EXPECT_EQ(controller_.counts().conflicts, 0u);
}

TEST_F(ControllerTest, ComesAgainWhenAskedTo) {
  reconciler_.Script("a", [](const auto&) { return Outcome::After(milliseconds(1)); });
  controller_.queue().Add("a");
  controller_.Start();
  reconciler_.AwaitCalls("a", 2);
  AwaitCounts(2, 0);
}

TEST_F(ControllerTest, CountsConflictsAndSurvivesOddObjects) {
  reconciler_.Script("a", [](const auto&) {
    return ApiError(409, R"({"kind":"Status","reason":"Conflict","message":"changed"})");
  });
  reconciler_.Script("a", [](const auto&) -> absl::StatusOr<Outcome> {
    const Object number = 7;
    number.at("spec");  // throws
    return Outcome::Done();
  });
  controller_.queue().Add("a");
  controller_.Start();
  AwaitCounts(1, 2);
  EXPECT_EQ(controller_.counts().conflicts, 1u);
}

TEST_F(ControllerTest, AHeldUpKeyDelaysNoOther) {
  reconciler_.Script("a", [](const std::stop_token& stop) -> absl::StatusOr<Outcome> {
    Pause(std::chrono::hours(1), stop);
    return absl::CancelledError("stopped");
  });
  controller_.queue().Add("a");
  controller_.Start();
  reconciler_.AwaitCalls("a", 1);
  controller_.queue().Add("b");
  reconciler_.AwaitCalls("b", 1);
  controller_.Stop();
  EXPECT_EQ(controller_.counts().failed, 0u);
}

TEST_F(ControllerTest, WhatWasNotDoneAtAStopIsDoneAtTheNextStart) {
  reconciler_.Script("a", [](const std::stop_token& stop) -> absl::StatusOr<Outcome> {
    Pause(std::chrono::hours(1), stop);
    return Outcome::Done();
  });
  controller_.queue().Add("a");
  controller_.Start();
  reconciler_.AwaitCalls("a", 1);
  controller_.Stop();
  controller_.queue().Add("b");
  EXPECT_EQ(controller_.counts().done, 0u);
  controller_.Start();
  reconciler_.AwaitCalls("a", 2);
  reconciler_.AwaitCalls("b", 1);
  AwaitCounts(2, 0);
}

}  // namespace
}  // namespace hawser::kube
