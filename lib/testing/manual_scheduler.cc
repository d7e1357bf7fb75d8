#include "lib/testing/manual_scheduler.h"

#include <algorithm>
#include <utility>

namespace hawser::testing {

void ManualScheduler::Post(base::Closure work) {
  std::lock_guard lock(mutex_);
  posted_.push_back(std::move(work));
}

void ManualScheduler::Advance(base::Duration duration) {
  const base::Time end = now_ + duration;
  RunPosted();
  while (timers().next() <= end) {
    now_ = std::max(now_, timers().next());
    RunTurn([this] { timers().RunDue(now_); });
    RunPosted();
  }
  now_ = end;
}

void ManualScheduler::RunPosted() {
  while (has_posted()) {
    base::Closure work;
    {
      std::lock_guard lock(mutex_);
      work = std::move(posted_.front());
      posted_.pop_front();
    }
    RunTurn(work);
  }
}

bool ManualScheduler::has_posted() const {
  std::lock_guard lock(mutex_);
  return !posted_.empty();
}

void ManualScheduler::EndTurn() {
  do {
    sinks().Run();
    flushes().Run();
  } while (!sinks().empty());
  ++turns_;
}

}  // namespace hawser::testing
