#include "lib/base/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/testing/manual_scheduler.h"

namespace hawser::base {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

class SchedulerTest : public ::testing::Test {
 protected:
  // A callback that notes that it ran.
  Closure Note(const std::string& name) {
    return [this, name] { ran_.push_back(name); };
  }

  hawser::testing::ManualScheduler scheduler_;
  std::vector<std::string> ran_;
};

using TimerTest = SchedulerTest;
using DeferredTest = SchedulerTest;

TEST_F(TimerTest, RunsOnceWhenDue) {
  Timer timer(scheduler_);
  timer.Set(10s, Note("timer"));
  EXPECT_TRUE(timer.armed());
  scheduler_.Advance(10s - 1ns);
  EXPECT_THAT(ran_, IsEmpty());
  scheduler_.Advance(1ns);
  EXPECT_THAT(ran_, ElementsAre("timer"));
  EXPECT_FALSE(timer.armed());
  scheduler_.Advance(1h);
  EXPECT_THAT(ran_, ElementsAre("timer"));
}

TEST_F(TimerTest, RunsInOrderOfDueTimeEachAtItsOwn) {
  const Time start = scheduler_.Now();
  std::vector<Duration> times;
  Timer late(scheduler_), early(scheduler_);
  late.Set(3s, [&] { times.push_back(scheduler_.Now() - start); });
  early.Set(1s, [&] { times.push_back(scheduler_.Now() - start); });
  scheduler_.Advance(10s);
  EXPECT_THAT(times, ElementsAre(1s, 3s));
  EXPECT_EQ(scheduler_.Now() - start, 10s);
}

TEST_F(TimerTest, EqualDueTimesRunInOrderOfSetting) {
  Timer a(scheduler_), b(scheduler_), c(scheduler_);
  b.Set(1s, Note("b"));
  a.Set(1s, Note("a"));
  c.Set(1s, Note("c"));
  scheduler_.Advance(1s);
  EXPECT_THAT(ran_, ElementsAre("b", "a", "c"));
}

TEST_F(TimerTest, NegativeDelayCountsAsZero) {
  const Time start = scheduler_.Now();
  Timer timer(scheduler_);
  timer.Set(-5s, Note("timer"));
  scheduler_.Advance(0s);
  EXPECT_THAT(ran_, ElementsAre("timer"));
  EXPECT_EQ(scheduler_.Now(), start);
}

TEST_F(TimerTest, SettingAgainReplaces) {
  Timer timer(scheduler_);
  timer.Set(1s, Note("first"));
  timer.Set(2s, Note("second"));
  scheduler_.Advance(1s);
  EXPECT_THAT(ran_, IsEmpty());
  scheduler_.Advance(1s);
  EXPECT_THAT(ran_, ElementsAre("second"));
}

TEST_F(TimerTest, CancelledAndDestroyedTimersDoNotRun) {
  Timer cancelled(scheduler_);
  cancelled.Set(1s, Note("cancelled"));
  cancelled.Cancel();
  cancelled.Cancel();
  EXPECT_FALSE(cancelled.armed());
  {
    Timer destroyed(scheduler_);
    destroyed.Set(1s, Note("destroyed"));
  }
  scheduler_.Advance(1h);
  EXPECT_THAT(ran_, IsEmpty());
}

TEST_F(TimerTest, CancelFreesTheCallback) {
  auto held = std::make_shared<int>();
  Timer timer(scheduler_);
  timer.Set(1s, [held] {});
  EXPECT_EQ(held.use_count(), 2);
  timer.Cancel();
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(TimerTest, CallbackMaySetItsTimerAgain) {
  Timer timer(scheduler_);
  int ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    timer.Set(1s, tick);
  };
  timer.Set(1s, tick);
  scheduler_.Advance(5s);
  EXPECT_EQ(ticks, 5);
  EXPECT_TRUE(timer.armed());
}

TEST_F(TimerTest, CallbackMayCancelAnotherDueAtTheSameTime) {
  Timer first(scheduler_), second(scheduler_);
  first.Set(1s, [&] {
    ran_.push_back("first");
    second.Cancel();
  });
  second.Set(1s, Note("second"));
  scheduler_.Advance(1s);
  EXPECT_THAT(ran_, ElementsAre("first"));
}

TEST_F(TimerTest, OneThatACallbackSetsHasATurnOfItsOwn) {
  Timer first(scheduler_), second(scheduler_), third(scheduler_);
  Deferred end_of_turn(Note("end of turn"));
  first.Set(1s, [&] {
    ran_.push_back("first");
    end_of_turn.RequestOn(scheduler_.flushes());
    second.Set(0s, Note("second"));
  });
  third.Set(1s, Note("third"));
  scheduler_.Advance(1s);
  EXPECT_THAT(ran_, ElementsAre("first", "third", "end of turn", "second"));
}

TEST_F(TimerTest, CallbackMayDestroyTheTimersOwner) {
  struct Owner {
    explicit Owner(Scheduler& scheduler) : timer(scheduler), other(scheduler) {}
    Timer timer, other;
  };
  auto owner = std::make_unique<Owner>(scheduler_);
  owner->other.Set(1s, Note("other"));
  owner->timer.Set(500ms, [this, &owner] {
    owner.reset();
    ran_.push_back("timer");  // what the callback captured outlives the timer
  });
  scheduler_.Advance(1h);
  EXPECT_THAT(ran_, ElementsAre("timer"));
}

TEST_F(DeferredTest, RunsOnceHoweverOftenRequested) {
  Deferred flush(Note("flush"));
  scheduler_.RunTurn([&] {
    flush.RequestOn(scheduler_.flushes());
    flush.RequestOn(scheduler_.flushes());
    EXPECT_TRUE(flush.requested());
  });
  EXPECT_THAT(ran_, ElementsAre("flush"));
  EXPECT_FALSE(flush.requested());
}

TEST_F(DeferredTest, RunsInOrderOfFirstRequestSinksBeforeFlushes) {
  Deferred flush(Note("flush")), a(Note("a")), b(Note("b")), c(Note("c"));
  scheduler_.RunTurn([&] {
    flush.RequestOn(scheduler_.flushes());
    b.RequestOn(scheduler_.sinks());
    a.RequestOn(scheduler_.sinks());
    b.RequestOn(scheduler_.sinks());
    c.RequestOn(scheduler_.sinks());
  });
  EXPECT_THAT(ran_, ElementsAre("b", "a", "c", "flush"));
}

TEST_F(DeferredTest, CancelledOnesAreSkippedWhereverTheyStand) {
  DeferredList list;
  Deferred first(Note("first")), second(Note("second")), third(Note("third"));
  std::optional<Deferred> destroyed(std::in_place, Note("destroyed"));
  Deferred last(Note("last"));
  for (Deferred* deferred : {&first, &second, &third, &*destroyed, &last})
    deferred->RequestOn(list);
  first.Cancel();
  third.Cancel();
  destroyed.reset();
  last.Cancel();
  last.Cancel();
  list.Run();
  EXPECT_THAT(ran_, ElementsAre("second"));
  EXPECT_TRUE(list.empty());
}

TEST_F(DeferredTest, CallbackMayRequestItselfAndCancelOthers) {
  DeferredList list;
  int runs = 0;
  Deferred other(Note("other"));
  std::unique_ptr<Deferred> repeating;
  repeating = std::make_unique<Deferred>([&] {
    other.Cancel();
    if (++runs < 3) repeating->RequestOn(list);
  });
  repeating->RequestOn(list);
  other.RequestOn(list);
  list.Run();
  EXPECT_EQ(runs, 3);
  EXPECT_THAT(ran_, IsEmpty());
}

TEST_F(DeferredTest, FlushThatFillsSinksHasThemRunInTheSameTurn) {
  Deferred sink(Note("sink"));
  Deferred flush([&] {
    ran_.push_back("flush");
    sink.RequestOn(scheduler_.sinks());
  });
  scheduler_.RunTurn([&] { flush.RequestOn(scheduler_.flushes()); });
  EXPECT_THAT(ran_, ElementsAre("flush", "sink"));
}

TEST_F(DeferredTest, RunsAfterEachTimerAndEachPostedTurn) {
  Deferred flush(Note("flush"));
  Timer timer(scheduler_);
  timer.Set(1s, [&] {
    ran_.push_back("timer");
    flush.RequestOn(scheduler_.flushes());
  });
  scheduler_.Post([&] {
    ran_.push_back("posted");
    flush.RequestOn(scheduler_.flushes());
    scheduler_.Post(Note("later"));
  });
  scheduler_.Advance(1s);
  EXPECT_THAT(ran_, ElementsAre("posted", "flush", "later", "timer", "flush"));
}

TEST_F(SchedulerTest, PostRunsInALaterTurnAndFromAnyThread) {
  std::thread([&] { scheduler_.Post(Note("posted")); }).join();
  EXPECT_TRUE(scheduler_.has_posted());
  EXPECT_THAT(ran_, IsEmpty());
  scheduler_.RunPosted();
  EXPECT_FALSE(scheduler_.has_posted());
  EXPECT_THAT(ran_, ElementsAre("posted"));
}

}  // namespace
}  // namespace hawser::base
