#include "bench/link_queue.h"

#include <gtest/gtest.h>

namespace hawser::bench {
namespace {

using std::chrono::milliseconds;
using Time = LinkQueue::Time;

const Time kStart = Time{} + std::chrono::hours(1);

// A packet of `size` bytes that starts with `tag`.
std::vector<uint8_t> Packet(uint8_t tag, size_t size = 1000) {
  std::vector<uint8_t> packet(size);
  packet.front() = tag;
  return packet;
}

// The tag of the packet that has arrived by `now`; -1: none has.
int Arrived(LinkQueue& link, Time now) {
  const auto packet = link.Pop(now);
  return packet ? packet->front() : -1;
}

TEST(LinkQueue, DelaysEveryPacketByAsMuch) {
  LinkQueue link({.delay = milliseconds(50)});
  EXPECT_EQ(link.next_arrival(), std::nullopt);
  link.Push(kStart, Packet(1));
  link.Push(kStart + milliseconds(10), Packet(2));
  EXPECT_EQ(link.next_arrival(), kStart + milliseconds(50));
  EXPECT_EQ(Arrived(link, kStart + milliseconds(49)), -1);
  EXPECT_EQ(Arrived(link, kStart + milliseconds(50)), 1);
  EXPECT_EQ(Arrived(link, kStart + milliseconds(59)), -1);
  EXPECT_EQ(Arrived(link, kStart + milliseconds(60)), 2);
  EXPECT_EQ(link.next_arrival(), std::nullopt);
}

TEST(LinkQueue, BytesComeOutAsTheyWentIn) {
  LinkQueue link({});
  std::vector<uint8_t> packet = {1, 2, 3};
  link.Push(kStart, packet);
  EXPECT_EQ(link.Pop(kStart), packet);
}

TEST(LinkQueue, TheBottleneckSendsOnePacketAfterTheOther) {
  // 1000 bytes take 1 ms.
  LinkQueue link({.delay = milliseconds(10), .bits_per_second = 8'000'000});
  link.Push(kStart, Packet(1));
  link.Push(kStart, Packet(2));
  EXPECT_EQ(link.next_arrival(), kStart + milliseconds(11));
  EXPECT_EQ(Arrived(link, kStart + milliseconds(11)), 1);
  EXPECT_EQ(link.next_arrival(), kStart + milliseconds(12));
  EXPECT_EQ(Arrived(link, kStart + milliseconds(12)), 2);
  // After a pause it is idle again.
  link.Push(kStart + milliseconds(100), Packet(3));
  EXPECT_EQ(link.next_arrival(), kStart + milliseconds(111));
}

TEST(LinkQueue, AFullQueueDrops) {
  LinkQueue link({.bits_per_second = 8'000'000, .queue_bytes = 3000});
  for (uint8_t tag = 0; tag < 10; ++tag) link.Push(kStart, Packet(tag));
  // Three wait, and one is being sent.
  EXPECT_EQ(link.counters().taken, 4u);
  EXPECT_EQ(link.counters().overflown, 6u);
  link.Push(kStart + milliseconds(2), Packet(10));
  EXPECT_EQ(link.counters().taken, 5u);
}

TEST(LinkQueue, LosesTheShareThatItIsTold) {
  LinkQueue link({.loss = 0.1});
  for (int i = 0; i < 10'000; ++i) link.Push(kStart, Packet(1));
  EXPECT_NEAR(static_cast<double>(link.counters().lost), 1000, 150);
  EXPECT_EQ(link.counters().lost + link.counters().taken, 10'000u);
}

TEST(LinkQueue, LaggingPacketsAreOvertaken) {
  LinkQueue all({.reorder = 1, .lag = milliseconds(5)});
  all.Push(kStart, Packet(1));
  EXPECT_EQ(all.next_arrival(), kStart + milliseconds(5));

  LinkQueue some({.reorder = 0.2, .lag = milliseconds(5)});
  for (int i = 0; i < 200; ++i)
    some.Push(kStart + milliseconds(i), Packet(static_cast<uint8_t>(i)));
  int overtaken = 0;
  for (int last = -1, i = 0; i < 200; ++i) {
    const int tag = Arrived(some, kStart + milliseconds(1000));
    overtaken += tag < last;
    last = std::max(last, tag);
  }
  EXPECT_NEAR(overtaken, 40, 25);
}

TEST(LinkQueue, TheSameSeedHasTheSameLuck) {
  LinkQueue one({.loss = 0.5, .seed = 7});
  LinkQueue two({.loss = 0.5, .seed = 7});
  for (uint8_t tag = 0; tag < 100; ++tag) {
    one.Push(kStart, Packet(tag));
    two.Push(kStart, Packet(tag));
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Arrived(one, kStart), Arrived(two, kStart));
}

}  // namespace
}  // namespace hawser::bench
