#include "lib/tunnel/reconnector.h"

#include <gtest/gtest.h>

#include "lib/testing/manual_scheduler.h"

namespace hawser::tunnel {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Change = Reconnector::Change;
using State = Reconnector::State;

struct FakeLink final : Link {
  FakeLink(LinkOwner& owner, int& alive) : owner(owner), alive(alive) { ++alive; }
  ~FakeLink() override { --alive; }
  void Drain() override { draining = true; }
  void Up() { owner.OnUp(*this); }
  void Leave() { owner.OnLeaving(*this); }
  void Down() { owner.OnDown(*this, absl::UnavailableError("gone")); }

  LinkOwner& owner;
  int& alive;
  bool draining = false;
};

class ReconnectorTest : public ::testing::Test {
 protected:
  testing::ManualScheduler scheduler_;
  FakeLink* last_ = nullptr;
  int attempts_ = 0;
  int alive_ = 0;
  std::vector<Change> changes_;

  // Delays are the limit of the back-off less one part in a million.
  Reconnector reconnector_{scheduler_,
                           {},
                           [] { return 0.999999; },
                           [this](LinkOwner& owner) {
                             auto link = std::make_unique<FakeLink>(owner, alive_);
                             last_ = link.get();
                             ++attempts_;
                             return link;
                           },
                           [this](Change change, const absl::Status& reason) {
                             EXPECT_EQ(reason.ok(), change == Change::kUp);
                             changes_.push_back(change);
                           }};
};

TEST_F(ReconnectorTest, ConnectsAtOnce) {
  EXPECT_EQ(reconnector_.state(), State::kWaiting);
  reconnector_.Start();
  EXPECT_EQ(reconnector_.state(), State::kConnecting);
  EXPECT_EQ(reconnector_.link(), nullptr);
  last_->Up();
  EXPECT_EQ(reconnector_.state(), State::kUp);
  EXPECT_EQ(reconnector_.link(), last_);
}

TEST_F(ReconnectorTest, ALinkWhoseServerLeavesServesUntilThereIsAnother) {
  reconnector_.Start();
  last_->Up();
  scheduler_.Advance(seconds(20));
  FakeLink* const leaving = last_;
  leaving->Leave();
  EXPECT_EQ(reconnector_.state(), State::kReplacing);
  leaving->Leave();
  EXPECT_EQ(attempts_, 2) << "one successor";
  last_->Down();
  EXPECT_EQ(reconnector_.link(), leaving);
  EXPECT_FALSE(leaving->draining);
  scheduler_.Advance(milliseconds(200));
  ASSERT_EQ(attempts_, 3);
  last_->Up();
  EXPECT_EQ(reconnector_.link(), last_);
  EXPECT_TRUE(leaving->draining);
  leaving->Leave();
  EXPECT_EQ(reconnector_.state(), State::kUp) << "it has a successor already";
}

TEST_F(ReconnectorTest, GoesOnWithTheBackOffOfAnother) {
  Backoff backoff({}, scheduler_.Now());
  backoff.Next(scheduler_.Now(), 0);
  reconnector_.Resume(backoff);
  scheduler_.Advance(milliseconds(399));
  EXPECT_EQ(attempts_, 0);
  scheduler_.Advance(milliseconds(1));
  EXPECT_EQ(attempts_, 1);
}

TEST_F(ReconnectorTest, BacksOffBetweenFailedAttempts) {
  reconnector_.Start();
  for (const int limit : {200, 400, 800}) {
    const int before = attempts_;
    last_->Down();
    EXPECT_EQ(reconnector_.state(), State::kWaiting);
    scheduler_.Advance(milliseconds(limit - 1));
    EXPECT_EQ(attempts_, before);
    scheduler_.Advance(milliseconds(1));
    EXPECT_EQ(attempts_, before + 1);
    EXPECT_EQ(reconnector_.state(), State::kConnecting);
  }
  EXPECT_EQ(alive_, 1);
  EXPECT_EQ(changes_, std::vector<Change>(3, Change::kFailed));
}

TEST_F(ReconnectorTest, ReconnectsALostLink) {
  reconnector_.Start();
  last_->Up();
  scheduler_.Advance(seconds(30));
  last_->Down();
  EXPECT_EQ(alive_, 0);
  scheduler_.Advance(milliseconds(200));
  EXPECT_EQ(attempts_, 2);
  last_->Up();
  EXPECT_EQ(reconnector_.state(), State::kUp);
  EXPECT_EQ(changes_, (std::vector<Change>{Change::kUp, Change::kLost, Change::kUp}));
}

TEST_F(ReconnectorTest, ReplacesBeforeItBreaks) {
  reconnector_.Start();
  FakeLink* old = last_;
  old->Up();
  scheduler_.Advance(seconds(20));
  reconnector_.Replace();
  EXPECT_EQ(reconnector_.state(), State::kReplacing);
  EXPECT_EQ(reconnector_.link(), old);
  last_->Down();  // the successor's first attempt fails: the link stays
  EXPECT_EQ(reconnector_.link(), old);
  scheduler_.Advance(milliseconds(200));
  EXPECT_EQ(attempts_, 3);
  EXPECT_FALSE(old->draining);
  last_->Up();
  EXPECT_EQ(reconnector_.state(), State::kUp);
  EXPECT_EQ(reconnector_.link(), last_);
  EXPECT_TRUE(old->draining);
  old->Down();
  EXPECT_EQ(changes_.back(), Change::kGone);
  EXPECT_EQ(reconnector_.link(), last_);
  EXPECT_EQ(alive_, 1);
}

// A server that says goodbye to every link, or one behind a balancer that leads back to it.
TEST_F(ReconnectorTest, YoungLinksAreReplacedAtTheBackOffsPace) {
  reconnector_.Start();
  for (const int limit : {200, 400, 800, 1600}) {
    last_->Up();
    const int before = attempts_;
    last_->Leave();
    EXPECT_EQ(reconnector_.state(), State::kReplacing);
    EXPECT_EQ(reconnector_.link(), last_) << "it serves meanwhile";
    scheduler_.Advance(milliseconds(limit - 1));
    EXPECT_EQ(attempts_, before);
    scheduler_.Advance(milliseconds(1));
    EXPECT_EQ(attempts_, before + 1);
  }
}

TEST_F(ReconnectorTest, ReplacesWhatAnAttemptUnderWayLeadsTo) {
  reconnector_.Start();
  reconnector_.Replace();
  EXPECT_EQ(attempts_, 1);
  FakeLink* const outdated = last_;
  outdated->Up();
  EXPECT_EQ(reconnector_.state(), State::kReplacing);
  scheduler_.Advance(milliseconds(200));
  ASSERT_EQ(attempts_, 2);
  last_->Up();
  EXPECT_TRUE(outdated->draining);
  EXPECT_EQ(reconnector_.state(), State::kUp) << "one successor";

  // The same while a successor is attempted.
  scheduler_.Advance(seconds(20));
  reconnector_.Replace();
  ASSERT_EQ(attempts_, 3);
  reconnector_.Replace();
  last_->Up();
  EXPECT_EQ(reconnector_.state(), State::kReplacing);
  scheduler_.Advance(milliseconds(400));
  ASSERT_EQ(attempts_, 4);
  last_->Up();
  EXPECT_EQ(reconnector_.state(), State::kUp);
}

TEST_F(ReconnectorTest, AFailedAttemptTakesTheWishToReplaceItAlong) {
  reconnector_.Start();
  reconnector_.Replace();
  last_->Down();
  scheduler_.Advance(milliseconds(200));
  ASSERT_EQ(attempts_, 2) << "it was begun after the wish";
  last_->Up();
  EXPECT_EQ(reconnector_.state(), State::kUp);
}

// A hub that drains and takes nobody any more ends at last; another one is there at once.
TEST_F(ReconnectorTest, ALinkLostAfterFailedSuccessorsIsReplacedPromptly) {
  reconnector_.Start();
  FakeLink* const old = last_;
  old->Up();
  scheduler_.Advance(seconds(20));
  old->Leave();
  for (int i = 0; i < 10; ++i) {
    last_->Down();
    scheduler_.Advance(seconds(12));
  }
  last_->Down();
  const int before = attempts_;
  old->Down();
  EXPECT_EQ(reconnector_.state(), State::kWaiting);
  scheduler_.Advance(milliseconds(200));
  EXPECT_EQ(attempts_, before + 1);
}

TEST_F(ReconnectorTest, LinkLostWhileReplacing) {
  reconnector_.Start();
  FakeLink* old = last_;
  old->Up();
  scheduler_.Advance(seconds(20));
  reconnector_.Replace();
  old->Down();
  EXPECT_EQ(reconnector_.state(), State::kConnecting);
  last_->Up();
  EXPECT_EQ(reconnector_.state(), State::kUp);

  scheduler_.Advance(seconds(20));
  reconnector_.Replace();
  last_->Down();  // the attempt
  static_cast<FakeLink*>(reconnector_.link())->Down();
  EXPECT_EQ(reconnector_.state(), State::kWaiting);
  scheduler_.Advance(seconds(1));
  EXPECT_EQ(reconnector_.state(), State::kConnecting);
}

TEST_F(ReconnectorTest, DrainLetsTheLinkFinish) {
  reconnector_.Start();
  last_->Up();
  reconnector_.Drain();
  EXPECT_TRUE(last_->draining);
  EXPECT_FALSE(reconnector_.drained());
  last_->Down();
  EXPECT_TRUE(reconnector_.drained());
  scheduler_.Advance(seconds(60));
  EXPECT_EQ(attempts_, 1);
}

TEST_F(ReconnectorTest, DrainEndsAnAttempt) {
  reconnector_.Start();
  reconnector_.Drain();
  EXPECT_TRUE(reconnector_.drained());
  EXPECT_EQ(alive_, 0);
}

TEST_F(ReconnectorTest, DrainEndsTheWait) {
  reconnector_.Start();
  last_->Down();
  reconnector_.Drain();
  scheduler_.Advance(seconds(60));
  EXPECT_EQ(attempts_, 1);
}

}  // namespace
}  // namespace hawser::tunnel
