// A scheduler whose clock the test advances by hand. Nothing runs by itself:
//
//   ManualScheduler scheduler;
//   base::Timer timer(scheduler);
//   timer.Set(10s, [&] { expired = true; });
//   scheduler.Advance(10s);   // expired
//
// As on an EventLoop, each callback is a turn, and what it deferred on sinks() and flushes() runs
// right after it.
//
// Threads: Post() from anywhere, all else on the test's thread.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>

#include "lib/base/scheduler.h"

namespace hawser::testing {

class ManualScheduler final : public base::Scheduler {
 public:
  base::Time Now() const override { return now_; }
  void Post(base::Closure work) override;

  // Lets `duration` pass: timers run in order, each at its own time, and posted work at once.
  void Advance(base::Duration duration);
  // Runs what was posted, and what that posts, until nothing is left.
  void RunPosted();
  bool has_posted() const;
  // Turns that have ended.
  size_t turns() const { return turns_; }

  // Runs `handler`, the test's own event, as a turn.
  template <typename Handler>
  void RunTurn(Handler&& handler) {
    handler();
    EndTurn();
  }

 private:
  void EndTurn();
  void OnTimersChanged() override {}

  // Not the clock's epoch, so that code which takes a zero time for "never" is found out.
  base::Time now_{std::chrono::hours(1)};
  mutable std::mutex mutex_;
  std::deque<base::Closure> posted_;  // guarded by mutex_
  size_t turns_ = 0;
};

}  // namespace hawser::testing
