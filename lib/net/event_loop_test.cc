#include "lib/net/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/testing/loopback.h"

namespace hawser::net {
namespace {

using ::hawser::testing::RunUntil;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

TEST(EventLoopTest, TimersRunInTheOrderOfTheirTimes) {
  EventLoop loop;
  std::vector<std::string> order;
  base::Timer late(loop), early(loop), now(loop), cancelled(loop);
  late.Set(20ms, [&] { order.push_back("late"); });
  cancelled.Set(5ms, [&] { order.push_back("cancelled"); });
  early.Set(10ms, [&] { order.push_back("early"); });
  now.Set(-1s, [&] { order.push_back("now"); });
  cancelled.Cancel();
  RunUntil(loop, [&] { return !late.armed(); });
  EXPECT_THAT(order, ElementsAre("now", "early", "late"));
}

TEST(EventLoopTest, TimersRunNoEarlierThanTheirTime) {
  EventLoop loop;
  base::Timer far(loop), timer(loop);
  far.Set(1h, [] { FAIL(); });
  bool expired = false;
  const base::Time due = base::Clock::now() + 30ms;
  // Set within a turn, where Now() is current.
  loop.Post([&] { timer.Set(30ms, [&] { expired = true; }); });
  RunUntil(loop, [&] { return expired; });
  EXPECT_GE(base::Clock::now(), due);
}

TEST(EventLoopTest, ATimerMayBeSetAgainByItsCallback) {
  EventLoop loop;
  int runs = 0;
  base::Timer timer(loop);
  base::Closure tick = [&] {
    if (++runs < 5) timer.Set(1ms, [&] { tick(); });
  };
  tick();
  RunUntil(loop, [&] { return runs == 5; });
}

TEST(EventLoopTest, WorkInSlicesLetsOthersInBetween) {
  EventLoop loop;
  base::Timer slices(loop);
  int done = 0, done_when_posted_ran = -1;
  base::Closure slice = [&] {
    if (++done == 1) loop.Post([&] { done_when_posted_ran = done; });
    if (done < 5) slices.Set(0ms, [&] { slice(); });
  };
  slices.Set(0ms, [&] { slice(); });
  RunUntil(loop, [&] { return done == 5; });
  EXPECT_EQ(done_when_posted_ran, 1);
}

TEST(EventLoopTest, NowIsTheStartOfTheTurn) {
  EventLoop loop;
  base::Time first, second;
  loop.Post([&] {
    first = loop.Now();
    while (base::Clock::now() == first) {
    }
    EXPECT_EQ(loop.Now(), first);
  });
  loop.Post([&] { second = loop.Now(); });
  RunUntil(loop, [&] { return second != base::Time(); });
  EXPECT_GT(second, first);
}

TEST(EventLoopTest, PostedWorkRunsOnTheLoopInTheOrderOfEachThread) {
  constexpr int kThreads = 4, kPosts = 5000;
  EventLoop loop;
  EXPECT_FALSE(loop.InLoopThread());
  std::thread runner([&] { loop.Run(); });
  std::vector<int> next(kThreads);  // used on the loop only
  int done = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kPosts; ++i) {
        loop.Post([&, thread, i] {
          EXPECT_TRUE(loop.InLoopThread());
          EXPECT_EQ(next[thread]++, i);
          if (++done == kThreads * kPosts) loop.Stop();
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  runner.join();
  EXPECT_EQ(done, kThreads * kPosts);
}

TEST(EventLoopTest, StopsFromAnotherThread) {
  EventLoop loop;
  std::thread runner([&] { loop.Run(); });
  loop.Stop();
  runner.join();
}

TEST(EventLoopTest, PostedWorkRunsInATurnOfItsOwn) {
  EventLoop loop;
  std::vector<std::string> order;
  base::Deferred flush([&] { order.push_back("flush"); });
  loop.Post([&] {
    flush.RequestOn(loop.flushes());
    loop.Post([&] { order.push_back("posted"); });
    order.push_back("turn");
  });
  RunUntil(loop, [&] { return order.size() == 3; });
  EXPECT_THAT(order, ElementsAre("turn", "flush", "posted"));
}

TEST(EventLoopTest, SinksRunBeforeFlushesWhenTheTurnEnds) {
  EventLoop loop;
  std::vector<std::string> order;
  base::Deferred sink([&] { order.push_back("sink"); });
  base::Deferred flush([&] { order.push_back("flush"); });
  loop.RunTurn([&] {
    flush.RequestOn(loop.flushes());
    sink.RequestOn(loop.sinks());
    sink.RequestOn(loop.sinks());  // once however often
    EXPECT_THAT(order, IsEmpty());
  });
  EXPECT_THAT(order, ElementsAre("sink", "flush"));
}

TEST(EventLoopTest, WhatFlushesDeferRunsInTheSameTurn) {
  EventLoop loop;
  std::vector<std::string> order;
  base::Deferred last([&] { order.push_back("last flush"); });
  base::Deferred sink([&] {
    order.push_back("sink");
    last.RequestOn(loop.flushes());
  });
  base::Deferred flush([&] {
    order.push_back("flush");
    sink.RequestOn(loop.sinks());
  });
  loop.RunTurn([&] { flush.RequestOn(loop.flushes()); });
  EXPECT_THAT(order, ElementsAre("flush", "sink", "last flush"));
}

TEST(EventLoopTest, NestedTurnsEndWithTheOutermost) {
  EventLoop loop;
  int flushed = 0;
  base::Deferred flush([&] { ++flushed; });
  loop.RunTurn([&] {
    loop.RunTurn([&] { flush.RequestOn(loop.flushes()); });
    EXPECT_EQ(flushed, 0);
  });
  EXPECT_EQ(flushed, 1);
}

TEST(EventLoopTest, TimersAndPostedWorkEndTurns) {
  EventLoop loop;
  int flushed = 0;
  base::Deferred flush([&] { ++flushed; });
  base::Timer timer(loop);
  timer.Set(0s, [&] { flush.RequestOn(loop.flushes()); });
  RunUntil(loop, [&] { return flushed == 1; });
  loop.Post([&] { flush.RequestOn(loop.flushes()); });
  RunUntil(loop, [&] { return flushed == 2; });
}

TEST(EventLoopTest, DropsWorkThatNeverRan) {
  const auto held = std::make_shared<int>();
  {
    EventLoop loop;
    loop.Post([held] { FAIL(); });
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(EventLoopTest, LetsGoOfWhatOnlyItsTimersKeptAlive) {
  struct Waiting {
    explicit Waiting(EventLoop& loop) : timer(loop) {}
    base::Timer timer;
  };
  std::weak_ptr<Waiting> left;
  {
    EventLoop loop;
    const auto waiting = std::make_shared<Waiting>(loop);
    waiting->timer.Set(1h, [waiting] {});
    left = waiting;
  }
  EXPECT_TRUE(left.expired());
}

}  // namespace
}  // namespace hawser::net
