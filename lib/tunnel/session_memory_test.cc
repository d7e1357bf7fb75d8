// Whose queues go when memory for queued bytes is short.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "lib/tunnel/session_fixture.h"

namespace hawser::tunnel {
namespace {

class ShortMemoryTest : public SessionTest {
 protected:
  // A connection of a client whose queue is charged to `memory`, which it does not read.
  std::shared_ptr<Dialled> Stalled(std::shared_ptr<MemoryBudget> memory, size_t bytes) {
    auto dialled = std::make_shared<Dialled>();
    dialled->endpoint->stalled = true;
    hub_->StartDial({.address = "web:80", .timeout = seconds(10), .memory = std::move(memory)},
                    dialled->endpoint, [](const Failure*) {});
    pair_.Run();
    agent_->endpoints.back()->Send(std::string(bytes, 'x'));
    pair_.Run();
    return dialled;
  }
  // Up to `time`, or until `closed`.
  void Pass(base::Duration time, const bool& closed) {
    for (base::Duration left = time; left > base::Duration::zero() && !closed;
         left -= milliseconds(50)) {
      scheduler_.Advance(milliseconds(50));
      pair_.Run();
    }
  }

  std::shared_ptr<MemoryBudget> total_ = std::make_shared<MemoryBudget>(1'000'000);
  std::shared_ptr<MemoryBudget> ann_ = std::make_shared<MemoryBudget>(100'000, total_);
  std::shared_ptr<MemoryBudget> bob_ = std::make_shared<MemoryBudget>(100'000, total_);
  MemoryCharge ann_charge_{ann_}, total_charge_{total_};
};

TEST_P(ShortMemoryTest, AClientBeyondItsShareLosesItsLargestStalledQueue) {
  Start();
  const auto small = Stalled(ann_, 10'000), large = Stalled(ann_, 60'000);
  const auto others = Stalled(bob_, 90'000);
  ann_charge_.Set(70'000 + 25'000);  // endpoints of tests charge nothing
  Pass(seconds(3), large->endpoint->closed);
  ASSERT_TRUE(large->endpoint->failure.has_value());
  EXPECT_EQ(large->endpoint->failure->reason, Reason::kOverloaded);
  EXPECT_FALSE(others->endpoint->closed) << "another's queue";
  ann_charge_.Set(10'000);
  Pass(seconds(3), small->endpoint->closed);
  EXPECT_FALSE(small->endpoint->closed);
}

TEST_P(ShortMemoryTest, TheLargestStalledQueueOfTheProcessGoesFirst) {
  Start();
  const auto small = Stalled(ann_, 20'000), large = Stalled(bob_, 80'000);
  total_charge_.Set(950'000);
  Pass(seconds(3), large->endpoint->closed);
  total_charge_.Set(0);
  Pass(seconds(3), small->endpoint->closed);
  EXPECT_TRUE(large->endpoint->closed);
  EXPECT_FALSE(small->endpoint->closed);
}

TEST_P(ShortMemoryTest, QueuesThatStillGrowFarAboveTheShareAreReset) {
  Start();
  const auto greedy = Stalled(ann_, 10'000), innocent = Stalled(bob_, 10'000);
  ann_charge_.Set(130'000);
  Pass(milliseconds(200), greedy->endpoint->closed);
  for (const auto& target : agent_->endpoints) target->Send(std::string(1000, 'y'));
  pair_.Run();
  ASSERT_TRUE(greedy->endpoint->failure.has_value());
  EXPECT_EQ(greedy->endpoint->failure->reason, Reason::kOverloaded);
  EXPECT_EQ(innocent->endpoint->received.size(), 11'000u);
}

class BurstTest : public SessionTest {
 protected:
  BurstTest() {
    SessionOptions options;
    options.memory = memory_;
    Start(options);
  }

  std::shared_ptr<MemoryBudget> memory_ = std::make_shared<MemoryBudget>(1'000'000);
  MemoryCharge charge_{memory_};
};

TEST_P(BurstTest, FarAboveTheMemoryOnlyShortQueuesGrow) {
  const auto long_one = Open("long:1");
  const auto short_one = Open("short:1");
  long_one->endpoint->stalled = short_one->endpoint->stalled = true;
  const auto send = [&] {
    target(0).Send(std::string(20'000, 'x'));
    target(1).Send(std::string(2'000, 'x'));
    pair_.Run();
  };
  send();
  charge_.Set(1'500'000);
  scheduler_.Advance(milliseconds(1));
  send();
  EXPECT_FALSE(long_one->endpoint->closed);
  charge_.Set(1'500'001);
  send();
  ASSERT_TRUE(long_one->endpoint->closed);
  EXPECT_EQ(long_one->endpoint->failure->reason, Reason::kOverloaded);
  EXPECT_FALSE(short_one->endpoint->closed);
  EXPECT_EQ(memory_->tally(MemoryBudget::Scope::kTotal).reset_queues, 1u);
}

// As a SocketSink: takes everything at the end of the turn.
class PromptEndpoint final : public FakeEndpoint {
 public:
  explicit PromptEndpoint(base::Scheduler& scheduler) : scheduler_(scheduler) {}
  void Deliver(std::span<const uint8_t> bytes) override {
    received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    held += bytes.size();
    take_.RequestOn(scheduler_.sinks());
  }

 private:
  base::Scheduler& scheduler_;
  base::Deferred take_{[this] {
    if (connection != nullptr) connection->Delivered(std::exchange(held, 0));
  }};
};

TEST_P(BurstTest, WhatIsTakenAtOnceIsNoQueue) {
  const auto prompt = std::make_shared<PromptEndpoint>(scheduler_);
  hub_->StartDial({"web:80", "", seconds(10)}, prompt, [](const Failure*) {});
  pair_.Run();
  charge_.Set(1'500'001);
  pair_.set_piece(16 * 1024);  // as TLS records come
  pair_.set_batch(256 * 1024);
  for (int i = 0; i < 3; ++i) {
    target().Send(std::string(60'000, 'x'));
    pair_.Run();
    scheduler_.Advance(milliseconds(1));
  }
  EXPECT_FALSE(prompt->closed);
  EXPECT_EQ(prompt->received.size(), 180'000u);
}

INSTANTIATE_TEST_SUITE_P(Peers, ShortMemoryTest, ::testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Peers, BurstTest, ::testing::Bool());

class PlainMemoryTest : public SessionTest {
 protected:
  static constexpr uint64_t kSlack = 2 * 64 * 1024;  // the window, and what a turn brings

  // What is queued for a reader that takes nothing, and whose owner has used so much of 4 MB; all
  // of it arrives later.
  size_t HeldWhenUsed(uint64_t used) {
    pair_.set_batch(16 * 1024);
    SessionOptions options;
    options.memory = std::make_shared<MemoryBudget>(4'000'000);
    MemoryCharge charge(options.memory);
    charge.Set(used);
    Start(options);
    auto slow = Open("slow:1");
    slow->endpoint->stalled = true;
    Flood();
    const size_t held = slow->endpoint->held;
    slow->endpoint->Unstall();
    pair_.Run();
    EXPECT_EQ(slow->endpoint->received.size(), 4'000'000u);
    return held;
  }

  // After how many turns of 900 ms a reader is closed that takes so many bytes in each; 20 at most.
  // `window`: of the shared stream, of which 64 KiB are withheld.
  int TurnsUntilClosed(size_t bytes, bool crowded = true, int64_t window = 0) {
    SessionOptions options;
    options.plain_window = window;
    Start(options);
    auto slow = Open("slow:1");
    if (crowded) Open("other:1");
    slow->endpoint->stalled = true;
    Flood();
    int turns = 0;
    for (; turns < 20 && !slow->endpoint->closed; ++turns) {
      slow->endpoint->held -= bytes;
      slow->endpoint->connection->Delivered(bytes);
      scheduler_.Advance(milliseconds(900));
      pair_.Run();
    }
    return turns;
  }
};

TEST_P(PlainMemoryTest, HoldsTheStreamBackByWhatItsOwnerHasToSpare) {
  const size_t held = HeldWhenUsed(400'000);
  EXPECT_GT(held, 200'000u) << "an eighth of what is left of a half";
  EXPECT_LT(held, 200'000u + kSlack);
}

TEST_P(PlainMemoryTest, HoldsTheStreamBackAtOnceWhenItsOwnerHasNothingToSpare) {
  EXPECT_LT(HeldWhenUsed(2'000'000), kSlack);
}

// Its peer cannot be told to send less, so it must not pay for how long it takes.
TEST_P(PlainMemoryTest, ASlowReaderIsSparedWhileItsShareIsShort) {
  const auto total = std::make_shared<MemoryBudget>(2'000'000);
  const auto memory = std::make_shared<MemoryBudget>(1'000'000, total);
  MemoryCharge charge(memory);
  SessionOptions options;
  options.memory = memory;
  Start(options);
  auto slow = Open("slow:1");
  slow->endpoint->stalled = true;
  Flood();
  charge.Set(950'000);
  for (int i = 0; i < 20; ++i) {
    slow->endpoint->held -= 20'000;
    slow->endpoint->connection->Delivered(20'000);
    scheduler_.Advance(milliseconds(900));
    pair_.Run();
    ASSERT_FALSE(slow->endpoint->closed) << i;
  }
  scheduler_.Advance(seconds(2));
  EXPECT_TRUE(slow->endpoint->closed);
}

// All others on the stream wait for it.
TEST_P(PlainMemoryTest, WhoTakesNextToNothingGoes) {
  const int turns = TurnsUntilClosed(100);
  EXPECT_GE(turns, 5);
  EXPECT_LE(turns, 8);
}

// Nobody waits for it.
TEST_P(PlainMemoryTest, WhoTakesNextToNothingStaysWhileItIsAlone) {
  EXPECT_EQ(TurnsUntilClosed(100, /*crowded=*/false), 20);
  auto pending = Dial("other:1");
  scheduler_.Advance(seconds(6));
  pair_.Run();
  EXPECT_EQ(hub_->connection_count(), 1u) << "the slow one went, and the other one came";
}

// Who gave a dial up waits no more, though the answer may be away for long.
TEST_P(PlainMemoryTest, ADialThatWasGivenUpDoesNotWait) {
  Start({});
  auto slow = Open("slow:1");
  slow->endpoint->stalled = true;
  Flood();
  auto given_up = Dial("other:1");
  hub_->CancelDial(given_up->id);
  for (int i = 0; i < 20; ++i) {
    scheduler_.Advance(milliseconds(900));
    pair_.Run();
  }
  EXPECT_FALSE(slow->endpoint->closed);
}

// The others have the rest of the window.
TEST_P(PlainMemoryTest, WhoHoldsBackLittleStays) {
  EXPECT_EQ(TurnsUntilClosed(100, /*crowded=*/true, 1024 * 1024), 20);
}

TEST_P(PlainMemoryTest, WhoHoldsBackHalfOfTheWindowGoes) {
  EXPECT_LE(TurnsUntilClosed(100, /*crowded=*/true, 128 * 1024), 8);
}

// Who was idle for a minute does not wait, until it has something to do.
TEST_P(PlainMemoryTest, AnIdleOneDoesNotWait) {
  Start({});
  auto slow = Open("slow:1"), other = Open("other:1");
  scheduler_.Advance(seconds(61));
  slow->endpoint->stalled = true;
  Flood();
  for (int i = 0; i < 10; ++i) {
    scheduler_.Advance(milliseconds(900));
    pair_.Run();
  }
  EXPECT_FALSE(slow->endpoint->closed);
  other->endpoint->Send("a key");
  pair_.Run();
  scheduler_.Advance(seconds(1));
  pair_.Run();
  EXPECT_TRUE(slow->endpoint->closed);
}

// What it may hear of its peer stands behind what is held back.
TEST_P(PlainMemoryTest, AnIdleOneWaitsNotForGood) {
  Start({});
  auto slow = Open("slow:1"), other = Open("other:1");
  scheduler_.Advance(seconds(61));
  slow->endpoint->stalled = true;
  Flood();
  for (int i = 0; i < 115; ++i) {
    scheduler_.Advance(seconds(1));
    pair_.Run();
  }
  EXPECT_FALSE(slow->endpoint->closed);
  scheduler_.Advance(seconds(10));
  pair_.Run();
  EXPECT_TRUE(slow->endpoint->closed);
}

// Their requests stand behind what is held back.
TEST_P(PlainMemoryTest, AStalledTargetDoesNotShutOutWhoDials) {
  Start({});
  auto upload = Open("stalled:1");
  target().stalled = true;
  pair_.set_withhold_limit(64 * 1024);
  upload->endpoint->Send(std::string(4'000'000, 's'));
  pair_.Run();
  auto other = Dial("other:1");
  pair_.Run();
  EXPECT_FALSE(other->done);
  scheduler_.Advance(seconds(6));
  pair_.Run();
  EXPECT_TRUE(target().closed);
  EXPECT_TRUE(other->done);
}

// Perhaps nobody waits for it.
TEST_P(PlainMemoryTest, ASlowTargetStaysWhileItIsAlone) {
  Start({});
  auto upload = Open("slow:1");
  target().stalled = true;
  pair_.set_withhold_limit(64 * 1024);
  upload->endpoint->Send(std::string(4'000'000, 's'));
  pair_.Run();
  for (int i = 0; i < 20; ++i) {
    target().held -= 100;
    target().connection->Delivered(100);
    scheduler_.Advance(milliseconds(900));
    pair_.Run();
    ASSERT_FALSE(target().closed) << i;
  }
}

// Who opens another one for each that was reset would hold up all others for good.
TEST_P(PlainMemoryTest, WhoHeldUpOthersLatelyHasLessPatience) {
  const auto greedy = std::make_shared<MemoryBudget>(40'000'000);
  const auto modest = std::make_shared<MemoryBudget>(40'000'000);
  SessionOptions options;
  options.memory = std::make_shared<MemoryBudget>(40'000'000);
  Start(options);
  const auto other = Open("other:1");
  size_t opened = 1;
  const auto flood = [&](const std::shared_ptr<MemoryBudget>& owner) {
    const auto stalled = std::make_shared<FakeEndpoint>();
    stalled->stalled = true;
    hub_->StartDial({"stalled:1", "", seconds(10), "", owner}, stalled, [](const Failure*) {});
    pair_.Run();
    target(opened++).Send(std::string(4'000'000, 's'));
    pair_.Run();
    return stalled;
  };
  // How long one that takes nothing holds up the others.
  const auto held = [&](const std::shared_ptr<MemoryBudget>& owner) {
    other->endpoint->Send("a key");
    const auto stalled = flood(owner);
    int turns = 0;
    for (; turns < 100 && !stalled->closed; ++turns) {
      scheduler_.Advance(milliseconds(100));
      pair_.Run();
    }
    return turns * milliseconds(100);
  };
  EXPECT_GE(held(greedy), seconds(5));
  EXPECT_GE(held(greedy), seconds(5)) << "once may be anybody";
  for (int i = 0; i < 4; ++i) EXPECT_LE(held(greedy), milliseconds(1500));
  EXPECT_LE(held(greedy), milliseconds(400)) << "it does nothing else";
  const auto first = flood(greedy), second = flood(greedy), third = flood(modest);
  EXPECT_FALSE(first->closed);
  EXPECT_TRUE(second->closed) << "one at a time";
  EXPECT_FALSE(third->closed);
  scheduler_.Advance(seconds(6));
  pair_.Run();
  EXPECT_GE(held(modest), seconds(5)) << "another one's";
  scheduler_.Advance(seconds(61));
  EXPECT_GE(held(greedy), seconds(5)) << "long ago";
  EXPECT_GE(held(nullptr), seconds(5));
  EXPECT_GE(held(nullptr), seconds(5)) << "of nobody in particular";
}

// The kernel takes large pieces, and its peer small ones meanwhile.
TEST_P(PlainMemoryTest, WhatThePeerTakesOfTheKernelCounts) {
  Start({});
  auto slow = Open("slow:1");
  Open("other:1");
  slow->endpoint->stalled = true;
  Flood();
  for (int i = 0; i < 20; ++i) {
    slow->endpoint->connection->Progressed(40'000);
    scheduler_.Advance(milliseconds(900));
    pair_.Run();
    ASSERT_FALSE(slow->endpoint->closed) << i;
  }
}

// All others wait until it has taken what it holds back. Ten of them on one slow link hold back a
// tenth each.
TEST_P(PlainMemoryTest, WhoTakesWithinTenSecondsWhatItHoldsBackStays) {
  EXPECT_EQ(TurnsUntilClosed(40'000), 20);
}

TEST_P(PlainMemoryTest, TheyAreJudgedTogetherAndOneGoesAtATime) {
  Start({});
  auto fast = Open("fast:1"), slow = Open("slow:1"), other = Open("other:1");
  fast->endpoint->stalled = slow->endpoint->stalled = true;
  target(0).Send(std::string(1'050'000, 'f'));
  target(1).Send(std::string(1'050'000, 's'));
  pair_.Run();
  const auto turns = [&](size_t fast_bytes, size_t slow_bytes) {
    for (int i = 0; i < 15; ++i) {
      for (const auto& [reader, bytes] : {std::pair(fast, fast_bytes), std::pair(slow, slow_bytes)})
        if (!reader->endpoint->closed) {
          reader->endpoint->held -= bytes;
          reader->endpoint->connection->Delivered(bytes);
        }
      other->endpoint->Send("a key");
      scheduler_.Advance(milliseconds(900));
      pair_.Run();
      if (slow->endpoint->closed || fast->endpoint->closed) return;
    }
  };
  turns(500, 100);
  EXPECT_TRUE(slow->endpoint->closed);
  EXPECT_FALSE(fast->endpoint->closed);
}

TEST_P(PlainMemoryTest, WhoTakesLongerForItGoes) { EXPECT_LE(TurnsUntilClosed(3'000), 8); }

// A busy owner's prompt reader is late for nobody.
TEST_P(PlainMemoryTest, TheStreamsWindowGrowsForAPromptReaderWhoseOwnerHasNothingToSpare) {
  constexpr size_t kWindow = 2 * 1024 * 1024;
  pair_.set_round_trip(milliseconds(50));
  const auto memory = std::make_shared<MemoryBudget>(40'000'000);
  const auto owner = std::make_shared<MemoryBudget>(4'000'000);
  MemoryCharge charge(owner);
  charge.Set(2'100'000);
  SessionOptions options;
  options.memory = memory;
  options.plain_window = kWindow;
  Start(options);
  const auto prompt = std::make_shared<PromptEndpoint>(scheduler_);
  hub_->StartDial({"prompt:1", "", seconds(10), "", owner}, prompt, [](const Failure*) {});
  pair_.Run();
  for (int i = 0; i < 10; ++i) {
    target().Send(std::string(2 * kWindow, 'f'));
    pair_.Run();
    scheduler_.Advance(milliseconds(50));
  }
  EXPECT_EQ(pair_.window_of_server(), 2 * kWindow);
}

TEST_P(PlainMemoryTest, ASlowReaderGoesWhenAllMemoryIsShort) {
  const auto total = std::make_shared<MemoryBudget>(1'000'000);
  MemoryCharge others(total);
  SessionOptions options;
  options.memory = std::make_shared<MemoryBudget>(1'000'000, total);
  Start(options);
  auto slow = Open("slow:1");
  slow->endpoint->stalled = true;
  Flood();
  others.Set(950'000);
  for (int i = 0; i < 15 && !slow->endpoint->closed; ++i) {
    slow->endpoint->held -= 1000;
    slow->endpoint->connection->Delivered(1000);
    scheduler_.Advance(milliseconds(900));
    pair_.Run();
  }
  EXPECT_TRUE(slow->endpoint->closed);
}

TEST_P(PlainMemoryTest, TheStreamsWindowIsLargeEnoughOnAShortWay) {
  pair_.set_round_trip(milliseconds(9));
  SessionOptions options;
  options.plain_window = 2 * 1024 * 1024;
  Start(options);
  auto fast = Open("fast:1");
  for (int i = 0; i < 10; ++i) {
    target().Send(std::string(4 * 1024 * 1024, 'f'));
    pair_.Run();
    scheduler_.Advance(milliseconds(50));
  }
  EXPECT_EQ(pair_.window_of_server(), 0u);
}

TEST_P(PlainMemoryTest, TheStreamsWindowGrowsOnALongWayUntilSomebodyReadsSlowly) {
  constexpr size_t kWindow = 2 * 1024 * 1024;
  pair_.set_round_trip(milliseconds(50));
  SessionOptions options;
  options.plain_window = kWindow;
  Start(options);
  auto fast = Open("fast:1");
  auto slow = Open("slow:2");
  slow->endpoint->stalled = true;
  const auto pass = [&](size_t to_fast, size_t to_slow) {
    target(0).Send(std::string(to_fast, 'f'));
    target(1).Send(std::string(to_slow, 's'));
    pair_.Run();
    scheduler_.Advance(milliseconds(50));
  };
  for (int i = 0; i < 10; ++i) pass(kWindow / 8, 0);
  EXPECT_EQ(pair_.window_of_server(), 0u) << "it was large enough";
  for (int i = 0; i < 10; ++i) pass(2 * kWindow, 0);
  EXPECT_EQ(pair_.window_of_server(), 2 * kWindow);
  pass(0, options.plain_queue_cap + 1000);
  pass(0, 1000);  // is held back, and so is all that comes with it
  for (int i = 0; i < 10; ++i) pass(2 * kWindow, 0);
  EXPECT_EQ(pair_.window_of_server(), kWindow);
  slow->endpoint->Unstall();
  for (int i = 0; i < 10; ++i) pass(2 * kWindow, 0);
  EXPECT_EQ(pair_.window_of_server(), kWindow) << "it is early to forget";
  for (int i = 0; i < 50; ++i) pass(2 * kWindow, 0);
  EXPECT_EQ(pair_.window_of_server(), 2 * kWindow);
}

INSTANTIATE_TEST_SUITE_P(Peers, PlainMemoryTest, ::testing::Values(true));

// HTTP/2 tells the client of one connection to send less, so a slow reader of it is to blame.
TEST(FrontEndMemoryTest, ASlowReaderGoesWhileMemoryIsShort) {
  testing::ManualScheduler scheduler;
  testing::StreamPair pair(scheduler);
  const auto memory = std::make_shared<MemoryBudget>(1'000'000);
  MemoryCharge charge(memory);
  SessionOptions options;
  options.one_connection = true;
  options.memory = memory;
  auto agent = std::make_unique<FakeAgent>(options);
  auto client = std::make_unique<DialingSession>(SessionOptions{.one_connection = true});
  FakeAgent& front = *agent;
  DialingSession& dialler = *client;
  front.stall_new = true;
  net::Metadata request;
  dialler.OfferFeatures(request);
  pair.Connect(std::move(client), std::move(agent), request);
  pair.set_withhold_limit(256 * 1024);
  pair.Run();
  const auto sender = std::make_shared<FakeEndpoint>();
  dialler.StartDial({"web:80", "", seconds(10)}, sender, [](const Failure*) {});
  pair.Run();
  sender->Send(std::string(4'000'000, 'x'));
  pair.Run();
  charge.Set(950'000);
  FakeEndpoint& slow = *front.endpoints.at(0);
  for (int i = 0; i < 15 && !slow.closed; ++i) {
    slow.held -= 1000;
    slow.connection->Delivered(1000);
    scheduler.Advance(milliseconds(900));
    pair.Run();
  }
  EXPECT_TRUE(slow.closed);
}

}  // namespace
}  // namespace hawser::tunnel
