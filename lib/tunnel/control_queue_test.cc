#include "lib/tunnel/control_queue.h"

#include <gtest/gtest.h>

namespace hawser::tunnel {
namespace {

wire::Packet Close(int64_t id) {
  wire::Packet packet;
  packet.set_type(wire::CLOSE_REQ);
  packet.mutable_close_request()->set_connect_id(id);
  return packet;
}

int64_t FrontId(const ControlQueue& queue) {
  wire::Packet packet;
  EXPECT_TRUE(packet.ParseFromArray(queue.front().data(), static_cast<int>(queue.front().size())));
  return packet.close_request().connect_id();
}

TEST(ControlQueue, KeepsTheOrder) {
  ControlQueue queue;
  int64_t pushed = 0, popped = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 20; ++i) queue.Push(Close(++pushed));
    for (int i = 0; i < 19; ++i, queue.Pop()) EXPECT_EQ(FrontId(queue), ++popped);
  }
  for (; !queue.empty(); queue.Pop()) EXPECT_EQ(FrontId(queue), ++popped);
  EXPECT_EQ(popped, pushed);
}

TEST(ControlQueue, HoldsNoMemoryWhenItIsEmptyAndLittleOtherwise) {
  ControlQueue queue;
  EXPECT_EQ(queue.memory(), 0u);
  for (int64_t i = 0; i < 10'000; ++i) queue.Push(Close(i));
  EXPECT_LT(queue.memory(), 10'000u * 32);
  // A queue that is never empty does not grow for ever.
  const size_t before = queue.memory();
  for (int64_t i = 0; i < 100'000; ++i) {
    queue.Push(Close(i));
    queue.Pop();
  }
  EXPECT_LE(queue.memory(), 2 * before);
  while (!queue.empty()) queue.Pop();
  EXPECT_EQ(queue.memory(), 0u);
}

}  // namespace
}  // namespace hawser::tunnel
