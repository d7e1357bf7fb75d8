// The arithmetic of windows: ReceiveWindow, SendCredit, StreamWindow.
#include <gtest/gtest.h>

#include "lib/tunnel/receive_window.h"
#include "lib/tunnel/send_credit.h"
#include "lib/tunnel/stream_window.h"

namespace hawser::tunnel {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kKiB = 1024;
constexpr int64_t kMost = 16 * 1024 * kKiB;
constexpr int64_t kLeast = 64 * kKiB;
constexpr int64_t kSliver = 16 * kKiB;
constexpr base::Time kNow{std::chrono::hours(1)};
constexpr base::Duration kTrip = milliseconds(50);

// A window of 256 KiB that the peer has used up and asks more of.
ReceiveWindow UsedUp() {
  ReceiveWindow window(256 * kKiB);
  EXPECT_TRUE(window.Receive(256 * kKiB));
  window.OnLack(kSliver);
  return window;
}

TEST(ReceiveWindow, EveryByteIsAllowedHeldOrFree) {
  ReceiveWindow window(256 * kKiB);
  EXPECT_EQ(window.allowed(), 256 * kKiB);
  EXPECT_TRUE(window.Receive(100 * kKiB));
  EXPECT_EQ(window.held(), 100 * kKiB);
  window.Dispose(63 * kKiB);
  EXPECT_EQ(window.held(), 37 * kKiB);
  EXPECT_FALSE(window.due()) << "less than a quarter is not worth a message";
  window.Dispose(1 * kKiB);
  EXPECT_TRUE(window.due());
  EXPECT_EQ(window.Grant(kMost, false, kNow, kTrip), 64 * kKiB);
  EXPECT_FALSE(window.due());
  EXPECT_EQ(window.allowed(), 220 * kKiB);
  EXPECT_EQ(window.size(), 256 * kKiB) << "nobody lacked any";
}

TEST(ReceiveWindow, MoreThanAllowedIsALie) {
  ReceiveWindow window(256 * kKiB);
  EXPECT_TRUE(window.Receive(256 * kKiB));
  EXPECT_FALSE(window.Receive(1));
}

TEST(ReceiveWindow, DoublesWhenThePeerLacksAndTheReaderKeepsUp) {
  ReceiveWindow window = UsedUp();
  EXPECT_FALSE(window.due()) << "the reader has all of it still";
  window.Dispose(256 * kKiB);
  EXPECT_TRUE(window.due());
  EXPECT_EQ(window.Grant(kMost, false, kNow, kTrip), 512 * kKiB);
  EXPECT_EQ(window.size(), 512 * kKiB);
  EXPECT_EQ(window.allowed(), 512 * kKiB);
}

// On a long way the first bytes are given back long before the last ones, and the lack, arrive.
TEST(ReceiveWindow, DoublesWhenMuchWasGivenBackMeanwhile) {
  ReceiveWindow window(256 * kKiB);
  for (int i = 0; i < 4; ++i) {
    window.Receive(64 * kKiB);
    window.Dispose(64 * kKiB);
    EXPECT_EQ(window.Grant(kMost, false, kNow, kTrip), 64 * kKiB);
  }
  EXPECT_FALSE(window.due());
  window.OnLack(kSliver);
  EXPECT_TRUE(window.due());
  EXPECT_EQ(window.Grant(kMost, false, kNow, kTrip), 256 * kKiB);
  EXPECT_EQ(window.size(), 512 * kKiB);
  window.OnLack(kSliver);
  EXPECT_FALSE(window.due()) << "it has used none of the larger window yet";
}

TEST(ReceiveWindow, ALackIsServedOnce) {
  ReceiveWindow window = UsedUp();
  window.Dispose(256 * kKiB);
  window.Grant(kMost, false, kNow, kTrip);
  window.Receive(512 * kKiB);
  window.Dispose(512 * kKiB);
  EXPECT_EQ(window.Grant(kMost, false, kNow, kTrip), 512 * kKiB);
}

TEST(ReceiveWindow, ALackIsNoReasonWhileTheReaderIsBehind) {
  ReceiveWindow window = UsedUp();
  for (int i = 0; i < 4; ++i) {
    window.Dispose(64 * kKiB);
    ASSERT_TRUE(window.due());
    EXPECT_EQ(window.Grant(kMost, false, kNow, kTrip), 64 * kKiB);
    window.Receive(64 * kKiB);
  }
  EXPECT_EQ(window.size(), 256 * kKiB);
}

TEST(ReceiveWindow, ALackIsNotBelievedOfAPeerThatHasWindow) {
  ReceiveWindow window(256 * kKiB);
  window.Receive(128 * kKiB);
  window.OnLack(kSliver);
  window.Dispose(128 * kKiB);
  EXPECT_EQ(window.Grant(kMost, false, kNow, kTrip), 128 * kKiB);
}

// The size in KiB of a window of 512 KiB, whose first growth was at kNow, after `bytes` in turns of
// 512 KiB that went through it in `elapsed`.
int64_t SizeAfter(int64_t bytes, base::Duration elapsed, base::Duration round_trip) {
  ReceiveWindow window = UsedUp();
  window.Dispose(256 * kKiB);
  EXPECT_EQ(window.Grant(kMost, false, kNow, kTrip), 512 * kKiB);
  for (int64_t done = 512 * kKiB; done <= bytes; done += 512 * kKiB) {
    window.Receive(512 * kKiB);
    window.OnLack(kSliver);
    window.Dispose(512 * kKiB);
    window.Grant(kMost, false, kNow + elapsed * done / bytes, round_trip);
  }
  return window.size() / kKiB;
}

TEST(ReceiveWindow, GrowsWhileTheWayHoldsMore) {
  EXPECT_EQ(SizeAfter(512 * kKiB, milliseconds(249), milliseconds(50)), 1024);
  EXPECT_EQ(SizeAfter(512 * kKiB, milliseconds(251), milliseconds(50)), 512)
      << "the reader is slower";
}

TEST(ReceiveWindow, AShortWayIsTakenForABusyTurn) {
  const auto round_trip = std::chrono::microseconds(50);
  EXPECT_EQ(SizeAfter(10 * 512 * kKiB, milliseconds(9), round_trip), 1024);
  EXPECT_EQ(SizeAfter(10 * 512 * kKiB, milliseconds(12), round_trip), 512);
}

TEST(ReceiveWindow, ALargeTurnIsNoRate) {
  EXPECT_EQ(SizeAfter(4 * 512 * kKiB, milliseconds(2), milliseconds(1)), 512);
}

TEST(ReceiveWindow, AnUnknownWayIsLong) {
  EXPECT_EQ(SizeAfter(512 * kKiB, std::chrono::seconds(10), {}), 1024);
}

// The kernel takes the first bytes of a reader that does not read.
TEST(ReceiveWindow, ALackIsNoReasonUntilTheReaderTookAWholeWindow) {
  ReceiveWindow window = UsedUp();
  window.Dispose(208 * kKiB);
  EXPECT_EQ(window.Grant(kMost, false, kNow, kTrip), 208 * kKiB);
  window.Dispose(48 * kKiB);
  EXPECT_TRUE(window.due()) << "now it did";
  EXPECT_EQ(window.Grant(kMost, false, kNow, kTrip), 48 * kKiB + 256 * kKiB);
}

TEST(ReceiveWindow, GrowsUpToItsLimit) {
  ReceiveWindow window = UsedUp();
  window.Dispose(256 * kKiB);
  EXPECT_EQ(window.Grant(300 * kKiB, false, kNow, kTrip), 300 * kKiB);
  window.Receive(300 * kKiB);
  window.OnLack(kSliver);
  window.Dispose(300 * kKiB);
  EXPECT_EQ(window.Grant(100 * kKiB, false, kNow + kTrip, kTrip), 300 * kKiB)
      << "a lower limit takes nothing away";
}

TEST(ReceiveWindow, ShrinksByHalvesToTheSmallest) {
  ReceiveWindow window(1024 * kKiB);
  for (int i = 0; i < 10; ++i) {
    window.Receive(static_cast<size_t>(window.allowed()));
    window.Dispose(static_cast<size_t>(window.held()));
    window.Grant(kMost, true, kNow, kTrip);
  }
  EXPECT_EQ(window.size(), ReceiveWindow::kSmallest);
  EXPECT_EQ(window.allowed(), ReceiveWindow::kSmallest);
}

TEST(ReceiveWindow, LargeOnesAreGivenBackInSteps) {
  ReceiveWindow window(kMost);
  window.Receive(1024 * kKiB);
  window.Dispose(ReceiveWindow::kLargestStep);
  EXPECT_TRUE(window.due());
}

TEST(ReceiveWindow, WhatThePeerGivesUpIsGone) {
  constexpr int64_t kFirst = 256 * kKiB;
  ReceiveWindow window(1024 * kKiB);
  EXPECT_TRUE(window.OnGivenUp(768 * kKiB, kFirst));
  EXPECT_EQ(window.size(), 256 * kKiB);
  EXPECT_EQ(window.allowed(), 256 * kKiB);
  EXPECT_FALSE(window.OnGivenUp(257 * kKiB, kFirst)) << "more than it has";
  EXPECT_FALSE(window.OnGivenUp(256 * kKiB, kFirst)) << "nothing would be left";
  EXPECT_FALSE(window.OnGivenUp(0, kFirst));
  EXPECT_FALSE(window.OnGivenUp(-1, kFirst));
}

TEST(ReceiveWindow, WhatIsFreeThenGoesWithIt) {
  ReceiveWindow window(1024 * kKiB);
  window.Receive(300 * kKiB);
  window.Dispose(200 * kKiB);
  EXPECT_TRUE(window.OnGivenUp(468 * kKiB, 256 * kKiB));
  EXPECT_EQ(window.allowed(), 256 * kKiB);
  EXPECT_EQ(window.held(), 100 * kKiB);
  EXPECT_EQ(window.size(), 356 * kKiB);
  EXPECT_TRUE(window.OnGivenUp(100 * kKiB, 256 * kKiB)) << "once more is as good";
  EXPECT_EQ(window.size(), 256 * kKiB);
}

TEST(SendCredit, IsSpentAndAdded) {
  SendCredit credit(256 * kKiB);
  EXPECT_TRUE(credit.enough());
  credit.Spend(241 * kKiB);
  EXPECT_FALSE(credit.enough()) << "a sliver is not worth a message";
  EXPECT_TRUE(credit.Add(1 * kKiB));
  EXPECT_TRUE(credit.enough());
  EXPECT_EQ(credit.available(), 16 * kKiB);
}

TEST(SendCredit, ASmallWindowHasSmallSlivers) {
  SendCredit credit(16 * kKiB);
  credit.Spend(12 * kKiB);
  EXPECT_TRUE(credit.enough());
  credit.Spend(1);
  EXPECT_FALSE(credit.enough());
}

TEST(SendCredit, AbsurdAdditionsAreRefused) {
  SendCredit credit(256 * kKiB);
  EXPECT_FALSE(credit.Add(0));
  EXPECT_FALSE(credit.Add(-5));
  EXPECT_FALSE(credit.Add(INT64_MAX));
  EXPECT_TRUE(credit.Add(int64_t{1} << 39));
  EXPECT_FALSE(credit.Add(int64_t{1} << 40));
}

TEST(SendCredit, WhatGrewCanBeGivenUp) {
  SendCredit credit(256 * kKiB);
  EXPECT_EQ(credit.surplus(), 0);
  EXPECT_TRUE(credit.Add(100));
  EXPECT_EQ(credit.GiveUpSurplus(), 100);
  EXPECT_EQ(credit.available(), 256 * kKiB);
}

TEST(SendCredit, WithoutWindowsThereIsNoEnd) {
  SendCredit credit;
  credit.Spend(SIZE_MAX / 4);
  EXPECT_TRUE(credit.enough());
  EXPECT_EQ(credit.surplus(), 0);
}

const base::Time kStart = base::Time{} + std::chrono::hours(1);

TEST(SendCredit, TellsWhatIsGivenBackFromWhatIsMore) {
  SendCredit credit(256 * kKiB);
  credit.Spend(100 * kKiB);
  EXPECT_EQ(credit.Add(64 * kKiB), 0);
  EXPECT_EQ(credit.Add(64 * kKiB), 28 * kKiB);
  EXPECT_EQ(credit.Add(1), 1);
}

TEST(StreamWindow, HoldsWhatIsTakenInAFewRoundTrips) {
  StreamWindow window(256 * kKiB, kLeast, kStart);
  EXPECT_FALSE(
      window.OnTaken(60 * kKiB, kStart + milliseconds(49), milliseconds(50), kMost, false));
  EXPECT_TRUE(window.OnTaken(20 * kKiB, kStart + milliseconds(50), milliseconds(50), kMost, false));
  EXPECT_EQ(window.size(), 400 * kKiB);
  EXPECT_TRUE(
      window.OnTaken(5000 * kKiB, kStart + milliseconds(100), milliseconds(50), kMost, false));
  EXPECT_EQ(window.size(), 800 * kKiB) << "it doubles at most";
}

// What others have sent waits along the way: a window is used up no sooner than after 3 times the
// way alone.
TEST(StreamWindow, GrowsOnAWayThatOthersHaveFilled) {
  StreamWindow window(256 * kKiB, kLeast, kStart);
  base::Time now = kStart;
  for (int i = 0; i < 10; ++i)
    window.OnTaken(static_cast<size_t>(window.size()), now += milliseconds(60), milliseconds(20),
                   kMost, false);
  EXPECT_EQ(window.size(), kMost);
}

TEST(StreamWindow, AnUnknownWayIsLong) {
  StreamWindow window(256 * kKiB, kLeast, kStart);
  base::Time now = kStart;
  for (int i = 0; i < 10; ++i)
    window.OnTaken(static_cast<size_t>(2 * window.size()), now += milliseconds(100), {}, kMost,
                   false);
  EXPECT_EQ(window.size(), kMost);
}

TEST(StreamWindow, StaysForASlowReader) {
  StreamWindow window(256 * kKiB, kLeast, kStart);
  for (int i = 1; i < 100; ++i) {
    EXPECT_FALSE(
        window.OnTaken(200 * kKiB, kStart + i * milliseconds(500), milliseconds(50), kMost, false));
  }
}

TEST(StreamWindow, GrowsUpToItsLimitAndShrinksToTheSmallest) {
  StreamWindow window(256 * kKiB, kLeast, kStart);
  base::Time now = kStart;
  for (int i = 0; i < 20; ++i)
    window.OnTaken(static_cast<size_t>(window.size()), now += milliseconds(5), milliseconds(5),
                   kMost, false);
  EXPECT_EQ(window.size(), kMost);
  for (int i = 0; i < 20; ++i)
    window.OnTaken(static_cast<size_t>(window.size()), now += milliseconds(5), milliseconds(5),
                   kMost, true);
  EXPECT_EQ(window.size(), kLeast);
}

}  // namespace
}  // namespace hawser::tunnel
