#include "lib/net/web_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "lib/testing/status_matchers.h"

namespace hawser::net {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Writes down what it hears; pieces of a message together.
class Recorder final : public WebSocketReader::Sink {
 public:
  absl::Status OnMessageStart(bool text) override {
    events.push_back(text ? "text " : "binary ");
    return absl::OkStatus();
  }
  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override {
    message.append(bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  absl::Status OnMessageEnd() override {
    events.push_back(std::exchange(message, ""));
    return absl::OkStatus();
  }
  void OnPing(std::span<const uint8_t> payload) override {
    events.push_back("ping " + std::string(payload.begin(), payload.end()));
  }
  void OnClose() override { events.push_back("close"); }

  std::vector<std::string> events;
  std::string message;
};

std::string Text(std::initializer_list<int> bytes) { return {bytes.begin(), bytes.end()}; }

absl::Status Feed(const std::string& bytes, Recorder& recorder, size_t piece = SIZE_MAX) {
  WebSocketReader reader;
  for (size_t at = 0; at < bytes.size();) {
    const std::string part = bytes.substr(at, piece);
    at += part.size();
    const absl::Status status =
        reader.Feed({reinterpret_cast<const uint8_t*>(part.data()), part.size()}, recorder);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

TEST(WebSocketHandshake, AcceptIsThatOfTheRfc) {
  EXPECT_EQ(WebSocketAccept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(NewWebSocketKey().size(), 24);
  EXPECT_NE(NewWebSocketKey(), NewWebSocketKey());
}

TEST(WebSocketReader, TakesMessagesApartHoweverTheyAreCut) {
  const std::string bytes = Text({0x82, 3}) + "abc" + Text({0x82, 126, 1, 0}) +
                            std::string(256, 'x') + Text({0x82, 0}) +
                            Text({0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}) + std::string(65536, 'y');
  for (const size_t piece : {1, 2, 3, 1000, 100'000}) {
    Recorder recorder;
    EXPECT_THAT(Feed(bytes, recorder, piece), IsOk());
    EXPECT_THAT(recorder.events, ElementsAre("binary ", "abc", "binary ", std::string(256, 'x'),
                                             "binary ", "", "binary ", std::string(65536, 'y')));
  }
}

TEST(WebSocketReader, AMessageMayComeInFramesWithControlBetween) {
  Recorder recorder;
  EXPECT_THAT(
      Feed(Text({0x01, 1}) + "a" + Text({0x89, 2}) + "hi" + Text({0x00, 1}) + "b" +
               Text({0x8a, 1}) + "!" + Text({0x80, 1}) + "c" + Text({0x88, 2, 3, 232}) + "anything",
           recorder),
      IsOk());
  EXPECT_THAT(recorder.events, ElementsAre("text ", "ping hi", "abc", "close"));
}

TEST(WebSocketReader, RefusesWhatBreaksTheProtocol) {
  const std::vector<std::pair<std::string, std::string>> broken = {
      {Text({0x82, 0x81, 1, 2, 3, 4, 5}), "masked"},
      {Text({0xc2, 0}), "extension"},
      {Text({0x83, 0}), "unknown opcode"},
      {Text({0x8b, 0}), "unknown opcode"},
      {Text({0x80, 0}), "continuation of no message"},
      {Text({0x02, 0, 0x82, 0}), "message within another"},
      {Text({0x09, 0}), "long control frame"},
      {Text({0x89, 126, 0, 126}), "long control frame"},
      {Text({0x82, 126, 0, 125}), "length"},
      {Text({0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255}), "length"},
      {Text({0x82, 127, 128, 0, 0, 0, 0, 0, 0, 0}), "length"},
  };
  for (const auto& [bytes, why] : broken) {
    Recorder recorder;
    EXPECT_THAT(Feed(bytes, recorder, 1),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  }
}

// What a server makes of a client's frame.
std::string Unmasked(std::span<const uint8_t> frame, size_t header) {
  std::string payload(frame.begin() + header + 4, frame.end());
  for (size_t i = 0; i < payload.size(); ++i) payload[i] ^= frame[header + i % 4];
  return payload;
}

TEST(WebSocketFrame, IsMaskedBehindTheShortestHeader) {
  for (const auto& [size, header] : std::vector<std::pair<size_t, size_t>>{
           {0, 2}, {125, 2}, {126, 4}, {65535, 4}, {65536, 10}}) {
    std::vector<uint8_t> memory(kWebSocketHeader + size, 'a');
    const auto frame =
        SealWebSocketFrame(WebSocketOpcode::kBinary, std::span(memory).subspan(kWebSocketHeader));
    ASSERT_EQ(frame.size(), header + 4 + size);
    EXPECT_EQ(frame[0], 0x82);
    EXPECT_EQ(frame[1] & 0x80, 0x80);
    EXPECT_EQ(Unmasked(frame, header), std::string(size, 'a'));
    uint64_t length = frame[1] & 0x7f;
    if (header > 2) length = 0;
    for (size_t i = 2; i < header; ++i) length = length << 8 | frame[i];
    EXPECT_EQ(length, size);
  }
}

}  // namespace
}  // namespace hawser::net
