#include "lib/net/byte_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace hawser::net {
namespace {

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string ReadText(ByteQueue& queue, size_t max) {
  std::vector<uint8_t> space(max);
  const size_t count = queue.Read(space);
  return {space.begin(), space.begin() + count};
}

TEST(ByteQueue, TellsWhatItTakes) {
  ByteQueue queue;
  EXPECT_EQ(queue.memory(), 0u);
  const std::vector<uint8_t> bytes(5'000);
  queue.Append(bytes);
  EXPECT_LE(queue.memory(), 5'100u) << "one block for all of them";
  queue.Append(bytes);
  EXPECT_GE(queue.memory(), 10'000u);
  EXPECT_LE(queue.memory(), 40'000u);
  queue.Consume(10'000);
  EXPECT_EQ(queue.memory(), 0u);
}

TEST(ByteQueue, StartsEmpty) {
  ByteQueue queue;
  iovec piece;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.Peek({&piece, 1}), 0);
  EXPECT_EQ(ReadText(queue, 10), "");
}

TEST(ByteQueue, KeepsOrderAcrossAppends) {
  ByteQueue queue;
  queue.Append(Bytes("hello "));
  queue.Append(Bytes(""));
  queue.Append(Bytes("world"));
  EXPECT_EQ(queue.size(), 11);
  EXPECT_EQ(ReadText(queue, 8), "hello wo");
  EXPECT_EQ(ReadText(queue, 8), "rld");
  EXPECT_TRUE(queue.empty());
}

TEST(ByteQueue, PeekTakesNothing) {
  ByteQueue queue;
  queue.Append(Bytes("abc"));
  iovec piece;
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(queue.Peek({&piece, 1}), 1);
    EXPECT_EQ(std::string(static_cast<char*>(piece.iov_base), piece.iov_len), "abc");
  }
  EXPECT_EQ(queue.size(), 3);
}

TEST(ByteQueue, ConsumesMoreThanOneBlockAndNoMoreThanThereIs) {
  ByteQueue queue;
  queue.Append(Bytes(std::string(200'000, 'a')));
  queue.Append(Bytes("tail"));
  queue.Consume(200'001);
  EXPECT_EQ(ReadText(queue, 10), "ail");
  queue.Append(Bytes("more"));
  queue.Consume(1000);
  EXPECT_TRUE(queue.empty());
}

// A queue filled and drained at different paces, with every byte checked.
TEST(ByteQueue, EqualsAStringUnderUnevenTraffic) {
  ByteQueue queue;
  std::string written, read;
  size_t step = 1;
  while (written.size() < 1'000'000) {
    step = step * 31 % 40'009;
    std::string piece(step, '\0');
    for (char& byte : piece) byte = static_cast<char>(written.size() * 7 + (&byte - &piece[0]));
    queue.Append(Bytes(piece));
    written += piece;
    read += ReadText(queue, step * 17 % 50'021);
    ASSERT_EQ(queue.size(), written.size() - read.size());
  }
  read += ReadText(queue, queue.size());
  EXPECT_TRUE(read == written);
}

TEST(ByteQueue, ClearedOneIsUsable) {
  ByteQueue queue;
  queue.Append(Bytes(std::string(100'000, 'x')));
  queue.Clear();
  EXPECT_TRUE(queue.empty());
  queue.Append(Bytes("y"));
  EXPECT_EQ(ReadText(queue, 2), "y");
}

}  // namespace
}  // namespace hawser::net
