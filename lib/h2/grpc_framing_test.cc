#include "lib/h2/grpc_framing.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hawser::h2 {
namespace {

class Collector : public Deframer::Sink {
 public:
  absl::Status OnMessageStart(size_t size) override {
    messages.emplace_back();
    sizes.push_back(size);
    return start_result;
  }
  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override {
    EXPECT_FALSE(bytes.empty());
    messages.back().append(bytes.begin(), bytes.end());
    return bytes_result;
  }

  std::vector<std::string> messages;
  std::vector<size_t> sizes;
  absl::Status start_result;
  absl::Status bytes_result;
};

constexpr uint32_t kMaxMessage = 1000;

std::string Framed(const std::string& message, char flags = 0) {
  const auto size = static_cast<uint32_t>(message.size());
  return std::string({flags, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                      static_cast<char>(size >> 8), static_cast<char>(size)}) +
         message;
}

std::span<const uint8_t> AsBytes(const std::string& text, size_t begin, size_t end) {
  return {reinterpret_cast<const uint8_t*>(text.data()) + begin, end - begin};
}

absl::Status FeedAll(const std::string& input, Collector& collector) {
  Deframer deframer(kMaxMessage);
  return deframer.Feed(AsBytes(input, 0, input.size()), collector);
}

TEST(DeframerTest, SplitAnywhereGivesTheSameMessages) {
  const std::vector<std::string> messages = {"first", "", std::string(300, 'x'), "", "last"};
  std::string input;
  for (const std::string& message : messages) input += Framed(message);
  for (size_t first = 0; first <= input.size(); ++first) {
    for (size_t second = first; second <= input.size(); second += 7) {
      Deframer deframer(kMaxMessage);
      Collector collector;
      ASSERT_TRUE(deframer.Feed(AsBytes(input, 0, first), collector).ok());
      ASSERT_TRUE(deframer.Feed(AsBytes(input, first, second), collector).ok());
      ASSERT_TRUE(deframer.Feed(AsBytes(input, second, input.size()), collector).ok());
      ASSERT_EQ(collector.messages, messages) << "split at " << first << " and " << second;
      ASSERT_TRUE(deframer.at_message_end());
    }
  }
}

TEST(DeframerTest, AnnouncesSizesBeforeTheBytes) {
  Collector collector;
  ASSERT_TRUE(FeedAll(Framed("abc") + Framed("") + Framed("defg").substr(0, 7), collector).ok());
  EXPECT_EQ(collector.sizes, (std::vector<size_t>{3, 0, 4}));
  EXPECT_EQ(collector.messages.back(), "de");
}

TEST(DeframerTest, KnowsWhetherItStandsWithinAMessage) {
  const std::string input = Framed("ab");
  Deframer deframer(kMaxMessage);
  Collector collector;
  EXPECT_TRUE(deframer.at_message_end());
  for (size_t i = 0; i < input.size(); ++i) {
    ASSERT_TRUE(deframer.Feed(AsBytes(input, i, i + 1), collector).ok());
    EXPECT_EQ(deframer.at_message_end(), i + 1 == input.size()) << i;
  }
}

TEST(DeframerTest, RefusesCompressedMessages) {
  Collector collector;
  const absl::Status status = FeedAll(Framed("abc", 1), collector);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_TRUE(collector.messages.empty());
}

TEST(DeframerTest, RefusesUnknownFlags) {
  Collector collector;
  EXPECT_EQ(FeedAll(Framed("abc", 2), collector).code(), absl::StatusCode::kInvalidArgument);
}

TEST(DeframerTest, RefusesLongMessagesByTheirPrefix) {
  Collector collector;
  EXPECT_TRUE(FeedAll(Framed(std::string(kMaxMessage, 'x')), collector).ok());
  const absl::Status status =
      FeedAll(Framed(std::string(kMaxMessage + 1, 'x')).substr(0, 5), collector);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(FeedAll(std::string("\0\xff\xff\xff\xff", 5), collector).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(DeframerTest, StopsAtTheSinksErrors) {
  Collector collector;
  collector.start_result = absl::DataLossError("start");
  EXPECT_EQ(FeedAll(Framed("abc") + Framed("def"), collector).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(collector.sizes.size(), 1u);
  collector.start_result = absl::OkStatus();
  collector.bytes_result = absl::AbortedError("bytes");
  EXPECT_EQ(FeedAll(Framed("abc") + Framed("def"), collector).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(collector.sizes.size(), 2u);
}

}  // namespace
}  // namespace hawser::h2
