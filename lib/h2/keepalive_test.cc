#include "lib/h2/keepalive.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <vector>

#include "lib/testing/manual_scheduler.h"

namespace hawser::h2 {
namespace {

using namespace std::chrono_literals;  // NOLINT: for readable durations

class RecordingLink : public Keepalive::Link {
 public:
  void SendPing(uint64_t opaque) override { pings.push_back(opaque); }
  void OnPingTimeout(base::Duration timeout) override { dead = timeout; }

  std::vector<uint64_t> pings;
  std::optional<base::Duration> dead;
};

class KeepaliveTest : public ::testing::Test {
 protected:
  testing::ManualScheduler scheduler_;
  RecordingLink link_;
};

TEST_F(KeepaliveTest, PingsAtEachIntervalWhileAnswersCome) {
  Keepalive keepalive(scheduler_, link_, 15s, 10s);
  keepalive.Start(/*ping_now=*/false);
  for (size_t i = 1; i <= 5; ++i) {
    scheduler_.Advance(15s - 1ms);
    EXPECT_EQ(link_.pings.size(), i - 1);
    scheduler_.Advance(1ms);
    ASSERT_EQ(link_.pings.size(), i);
    EXPECT_TRUE(keepalive.OnAck(link_.pings.back()));
  }
  EXPECT_FALSE(link_.dead.has_value());
}

TEST_F(KeepaliveTest, TheIntervalCountsFromPingToPing) {
  Keepalive keepalive(scheduler_, link_, 15s, 10s);
  keepalive.Start(/*ping_now=*/true);
  scheduler_.Advance(8s);
  keepalive.OnAck(link_.pings.back());
  scheduler_.Advance(7s);
  EXPECT_EQ(link_.pings.size(), 2u);
}

TEST_F(KeepaliveTest, AnUnansweredPingIsTheEnd) {
  Keepalive keepalive(scheduler_, link_, 15s, 10s);
  keepalive.Start(/*ping_now=*/false);
  scheduler_.Advance(25s - 1ms);
  EXPECT_FALSE(link_.dead.has_value());
  scheduler_.Advance(1ms);
  EXPECT_EQ(link_.dead, 10s);
  scheduler_.Advance(1h);
  EXPECT_EQ(link_.pings.size(), 1u);
}

TEST_F(KeepaliveTest, MeasuresTheRoundTrip) {
  Keepalive keepalive(scheduler_, link_, 0s, 10s);
  EXPECT_EQ(keepalive.round_trip(), 0s);
  keepalive.Start(/*ping_now=*/true);
  ASSERT_EQ(link_.pings.size(), 1u);
  scheduler_.Advance(50ms);
  EXPECT_TRUE(keepalive.OnAck(link_.pings.back()));
  EXPECT_EQ(keepalive.round_trip(), 50ms);
}

TEST_F(KeepaliveTest, KnowsTheWayWithoutWhatWaitsAlongIt) {
  Keepalive keepalive(scheduler_, link_, 1s, 10s);
  keepalive.Start(/*ping_now=*/true);
  const auto answer_after = [&](base::Duration time) {
    scheduler_.Advance(time);
    ASSERT_TRUE(keepalive.OnAck(link_.pings.back()));
    scheduler_.Advance(1s - time);  // to the next one
  };
  answer_after(16ms);
  answer_after(500ms);
  EXPECT_EQ(keepalive.round_trip(), 500ms);
  EXPECT_EQ(keepalive.least_round_trip(), 16ms);
  answer_after(10ms);
  EXPECT_EQ(keepalive.least_round_trip(), 10ms);
  for (int i = 0; i < 170; ++i) answer_after(500ms);
  EXPECT_EQ(keepalive.least_round_trip(), 10ms) << "however many there were";
  for (int i = 0; i < 200; ++i) answer_after(30ms);
  EXPECT_EQ(keepalive.least_round_trip(), 30ms) << "another way by now";
}

TEST_F(KeepaliveTest, ARoundTripWithinOneTurnIsStillKnown) {
  Keepalive keepalive(scheduler_, link_, 0s, 10s);
  keepalive.Start(/*ping_now=*/true);
  keepalive.OnAck(link_.pings.back());
  EXPECT_GT(keepalive.round_trip(), base::Duration::zero());
}

TEST_F(KeepaliveTest, AnswersNobodyAskedForAreToldApart) {
  Keepalive keepalive(scheduler_, link_, 15s, 10s);
  keepalive.Start(/*ping_now=*/true);
  EXPECT_FALSE(keepalive.OnAck(link_.pings.back() + 1));
  EXPECT_TRUE(keepalive.OnAck(link_.pings.back()));
  EXPECT_FALSE(keepalive.OnAck(link_.pings.back()));
}

TEST_F(KeepaliveTest, ZeroMeansNever) {
  Keepalive keepalive(scheduler_, link_, 0s, 10s);
  keepalive.Start(/*ping_now=*/false);
  scheduler_.Advance(1h);
  EXPECT_TRUE(link_.pings.empty());
}

TEST_F(KeepaliveTest, ANewIntervalCountsFromTheLastPing) {
  Keepalive keepalive(scheduler_, link_, 35s, 10s);
  keepalive.Start(/*ping_now=*/true);
  keepalive.OnAck(link_.pings.back());
  scheduler_.Advance(10s);
  keepalive.SetInterval(15s);
  scheduler_.Advance(5s);
  ASSERT_EQ(link_.pings.size(), 2u);
  keepalive.OnAck(link_.pings.back());
  keepalive.SetInterval(0s);
  scheduler_.Advance(1h);
  EXPECT_EQ(link_.pings.size(), 2u);
}

TEST_F(KeepaliveTest, ANewIntervalMeasuresTheRoundTripThatIsNotKnown) {
  Keepalive keepalive(scheduler_, link_, 35s, 10s);
  keepalive.Start(/*ping_now=*/false);
  scheduler_.Advance(1ms);
  keepalive.SetInterval(15s);
  ASSERT_EQ(link_.pings.size(), 1u);
  keepalive.SetInterval(15s);  // one is on its way
  EXPECT_EQ(link_.pings.size(), 1u);
}

TEST_F(KeepaliveTest, StopSilencesIt) {
  Keepalive keepalive(scheduler_, link_, 15s, 10s);
  keepalive.Start(/*ping_now=*/true);
  keepalive.Stop();
  scheduler_.Advance(1h);
  EXPECT_EQ(link_.pings.size(), 1u);
  EXPECT_FALSE(link_.dead.has_value());
}

}  // namespace
}  // namespace hawser::h2
