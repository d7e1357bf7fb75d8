#include "lib/net/message_stream.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace hawser::net {
namespace {

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(MessageBatch, PrefixesEachMessageWithItsLength) {
  std::vector<uint8_t> memory(64);
  MessageBatch batch(memory.data(), memory.size());
  EXPECT_TRUE(batch.Add(Bytes("abc")));
  EXPECT_TRUE(batch.Add(Bytes("")));
  EXPECT_EQ(std::string(memory.begin(), memory.begin() + batch.size()),
            std::string("\0\0\0\0\3abc\0\0\0\0\0", 13));
}

TEST(MessageBatch, RefusesWhatDoesNotFitWithoutEffect) {
  std::vector<uint8_t> memory(10);
  MessageBatch batch(memory.data(), memory.size());
  EXPECT_FALSE(batch.Add(Bytes("123456")));
  EXPECT_TRUE(batch.empty());
  EXPECT_TRUE(batch.Add(Bytes("12345")));
  EXPECT_EQ(batch.space(), 0u);
  EXPECT_TRUE(batch.PayloadSpace(0).empty());
}

TEST(MessageBatch, PayloadIsReadInPlaceAndAShorterHeaderLeavesNoGap) {
  std::vector<uint8_t> memory(100);
  MessageBatch batch(memory.data(), memory.size());
  const auto space = batch.PayloadSpace(4);
  EXPECT_EQ(space.size(), 100u - 5 - 4);
  std::memcpy(space.data(), "payload", 7);
  batch.CommitPayload(4, Bytes("hd"), 7);
  EXPECT_TRUE(batch.Add(Bytes("next")));
  EXPECT_EQ(std::string(memory.begin(), memory.begin() + batch.size()),
            std::string("\0\0\0\0\x9hdpayload\0\0\0\0\4next", 23));
}

TEST(MessageBatch, ALongMessageGoesInParts) {
  const std::string framed = FramedMessage("0123456789");
  EXPECT_EQ(framed, std::string("\0\0\0\0\n0123456789", 15));
  std::vector<uint8_t> memory(8);
  MessageBatch first(memory.data(), memory.size());
  EXPECT_EQ(first.AddPart(Bytes(framed)), 8u);
  EXPECT_EQ(first.AddPart(Bytes(framed)), 0u);
  EXPECT_EQ(std::string(memory.begin(), memory.end()), framed.substr(0, 8));
  MessageBatch second(memory.data(), memory.size());
  EXPECT_EQ(second.AddPart(Bytes(framed.substr(8))), 7u);
  EXPECT_EQ(second.space(), 1u);
}

TEST(Metadata, FirstValueWins) {
  Metadata metadata;
  metadata.Add("a", "1");
  metadata.Add("a", "2");
  EXPECT_EQ(metadata.Get("a"), "1");
  EXPECT_EQ(metadata.Get("b"), "");
  EXPECT_TRUE(metadata.Has("a"));
  EXPECT_FALSE(metadata.Has("b"));
}

}  // namespace
}  // namespace hawser::net
