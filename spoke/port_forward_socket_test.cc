#include "spoke/port_forward_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "lib/net/byte_pump.h"
#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"
#include "spoke/test_pods_api.h"

namespace hawser::spoke {
namespace {

using absl::StatusCode;
using ::hawser::testing::LoopbackPeer;
using ::hawser::testing::RunUntil;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

constexpr uint8_t kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;
constexpr uint16_t kPort = 8091;  // 0x1f9b
const std::string kData(1, '\0');
const std::string kError(1, '\1');
const std::string kPorts =
    ServerFrame(kBinary, kData + "\x9b\x1f") + ServerFrame(kBinary, kError + "\x9b\x1f");

// A passage through the socket: `client_` is the descriptor's user, `server_` the API server.
class PortForwardSocketTest : public ::testing::Test {
 protected:
  void Open(const std::string& early = "") {
    const auto [inner, outer] = testing::TcpPair();
    server_.emplace(net::MakePlainSocket(loop_, outer));
    auto passage = net::PassThrough(
        loop_,
        std::make_unique<PortForwardSocket>(net::MakePlainSocket(loop_, inner), early, kPort),
        [this](const absl::Status& status) { result_ = status; });
    ASSERT_TRUE(passage.ok()) << passage.status();
    pump_ = std::move(passage->pump);
    client_.emplace(net::MakePlainSocket(loop_, passage->fd));
  }
  // The next frame of the client, a small one.
  ClientFrame AwaitFrame() {
    std::optional<ClientFrame> frame;
    RunUntil(loop_, [&] {
      std::string bytes = server_->received().substr(frames_read_, 1024);
      const size_t before = bytes.size();
      frame = TakeClientFrame(bytes);
      frames_read_ += before - bytes.size();
      return frame.has_value() || server_->ended();
    });
    return frame.value_or(ClientFrame{0, "none"});
  }
  // Why it broke after the server sent that.
  absl::Status Failure(const std::string& bytes) {
    Open();
    server_->Send(bytes);
    RunUntil(loop_, [&] { return result_.has_value() && client_->ended(); });
    return *std::exchange(result_, std::nullopt);
  }

  net::EventLoop loop_;
  std::unique_ptr<net::BytePump> pump_;
  std::optional<LoopbackPeer> client_, server_;
  size_t frames_read_ = 0;
  std::optional<absl::Status> result_;
};

TEST_F(PortForwardSocketTest, CarriesBytesBothWays) {
  Open();
  server_->Send(kPorts + ServerFrame(kBinary, kData + "hello"));
  RunUntil(loop_, [&] { return client_->received() == "hello"; });
  client_->Send("question");
  const ClientFrame frame = AwaitFrame();
  EXPECT_EQ(frame.opcode, kBinary);
  EXPECT_EQ(frame.payload, kData + "question");
}

TEST_F(PortForwardSocketTest, TakesWhatCameWithTheAnswer) {
  const std::string frames = kPorts + ServerFrame(kBinary, kData + "early and late");
  Open(frames.substr(0, 20));
  server_->Send(frames.substr(20));
  RunUntil(loop_, [&] { return client_->received() == "early and late"; });
}

TEST_F(PortForwardSocketTest, FramesMayBeCutAnywhere) {
  const std::string bytes = kPorts + ServerFrame(kBinary, kData) + ServerFrame(kPing, "hi") +
                            ServerFrame(kBinary, kData + "ab") + ServerFrame(kBinary, "");
  Open();
  for (const char byte : bytes) {
    server_->Send({byte});
    testing::RunReady(loop_);
  }
  RunUntil(loop_, [&] { return client_->received() == "ab"; });
  const ClientFrame pong = AwaitFrame();
  EXPECT_EQ(pong.opcode, kPong);
  EXPECT_EQ(pong.payload, "hi");
}

TEST_F(PortForwardSocketTest, ThePortMayComeInParts) {
  Open();
  server_->Send(ServerFrame(kBinary, kData + "\x9b") + ServerFrame(kBinary, kData + "\x1f" + "x"));
  RunUntil(loop_, [&] { return client_->received() == "x"; });
}

TEST_F(PortForwardSocketTest, MuchGoesBothWaysAtTheSameTime) {
  constexpr size_t kBytes = 20'000'000;
  std::string pattern(kBytes, '\0');
  for (size_t i = 0; i < kBytes; ++i) pattern[i] = static_cast<char>(i * 131 >> 3);
  Open();
  std::string frames = kPorts;
  for (size_t at = 0; at < kBytes; at += 100'000)
    frames += ServerFrame(kBinary, kData + pattern.substr(at, 100'000));
  server_->Send(frames);
  client_->Send(pattern);
  client_->Finish();
  RunUntil(loop_, [&] { return server_->ended() && client_->received().size() == kBytes; });
  EXPECT_TRUE(client_->received() == pattern);
  std::string bytes = server_->received();
  std::string received;
  size_t at = 0;
  for (;;) {
    std::string next = bytes.substr(at, 64 * 1024);
    const size_t before = next.size();
    const auto frame = TakeClientFrame(next);
    ASSERT_TRUE(frame.has_value());
    at += before - next.size();
    if (frame->opcode == kClose) break;
    received += frame->payload.substr(1);
  }
  EXPECT_EQ(at, bytes.size());
  EXPECT_TRUE(received == pattern);
}

TEST_F(PortForwardSocketTest, AServerThatDoesNotReadHoldsTheClient) {
  Open();
  server_->ReadAtMost(0);
  const std::string much(8'000'000, 'x');
  client_->Send(much);
  server_->Send(kPorts + ServerFrame(kBinary, kData + "still here"));
  RunUntil(loop_, [&] { return client_->received() == "still here"; });
  EXPECT_FALSE(client_->sent());
  server_->ReadAtMost(SIZE_MAX);
  RunUntil(loop_, [&] { return server_->received().size() > much.size(); });
}

TEST_F(PortForwardSocketTest, PingsThatNobodyTakesAnswersForAreNotKept) {
  Open();
  server_->ReadAtMost(0);
  std::string pings = kPorts;
  for (int i = 0; i < 200'000; ++i) pings += ServerFrame(kPing, std::string(125, 'p'));
  server_->Send(pings + ServerFrame(kBinary, kData + "after"));
  RunUntil(loop_, [&] { return client_->received() == "after"; });
  server_->ReadAtMost(SIZE_MAX);
  client_->Send("question");
  ClientFrame frame = AwaitFrame();
  size_t pongs = 0;
  for (; frame.opcode == kPong; frame = AwaitFrame()) ++pongs;
  EXPECT_EQ(frame.payload, kData + "question");
  EXPECT_GT(pongs, 0);
  EXPECT_LT(pongs, 200'000);
}

TEST_F(PortForwardSocketTest, OthersHaveTheirTurnWhileThereAreOnlyPings) {
  const auto [inner, outer] = testing::TcpPair();
  server_.emplace(net::MakePlainSocket(loop_, outer));
  PortForwardSocket socket(net::MakePlainSocket(loop_, inner), "", kPort);
  std::string pings = kPorts;
  for (int i = 0; i < 1000; ++i) pings += ServerFrame(kPing, "p");
  server_->Send(pings + ServerFrame(kBinary, kData + "after"));
  RunUntil(loop_, [&] { return server_->sent(); });
  uint8_t space[64];
  net::Socket::Result result = socket.Read(space);
  int turns = 0;
  for (; result.kind == net::Socket::Result::kWouldBlock; result = socket.Read(space)) ++turns;
  EXPECT_EQ(result.kind, net::Socket::Result::kOk);
  EXPECT_GT(turns, 1) << "all of them at once";
  socket.Close();
}

TEST_F(PortForwardSocketTest, TheEndOfEitherSideIsPassedOn) {
  Open();
  server_->Send(kPorts + ServerFrame(kBinary, kData + "bye") + ServerFrame(kClose, "\x03\xe8"));
  RunUntil(loop_, [&] { return client_->ended(); });
  EXPECT_EQ(client_->received(), "bye");
  client_->Finish();
  EXPECT_EQ(AwaitFrame().opcode, kClose);
  RunUntil(loop_, [&] { return server_->ended(); });
}

TEST_F(PortForwardSocketTest, ACutFrameIsAnEnd) {
  Open();
  server_->Send(kPorts + ServerFrame(kBinary, kData + "whole").substr(0, 5));
  server_->Finish();
  RunUntil(loop_, [&] { return client_->ended(); });
  EXPECT_EQ(client_->received(), "wh");
}

TEST_F(PortForwardSocketTest, WhatTheServerSaysIsTold) {
  EXPECT_THAT(Failure(kPorts + ServerFrame(kBinary, kError + "error forwarding port 8091\n")),
              StatusIs(StatusCode::kUnavailable, HasSubstr("error forwarding port 8091\\n")));
  const absl::Status lengthy =
      Failure(kPorts + ServerFrame(kBinary, kError + std::string(9999, 'x')));
  EXPECT_LT(lengthy.message().size(), 2000);
}

TEST_F(PortForwardSocketTest, WhatBreaksTheProtocolBreaksTheConnection) {
  const auto invalid = [](const std::string& why) {
    return StatusIs(StatusCode::kInvalidArgument, HasSubstr(why));
  };
  EXPECT_THAT(Failure(ServerFrame(kText, kData + "\x9b\x1f")), invalid("a message of text"));
  EXPECT_THAT(Failure(ServerFrame(kBinary, "\x02x")), invalid("an unknown channel"));
  EXPECT_THAT(Failure(ServerFrame(kBinary, kData + "\x1f\x9b")), invalid("another port"));
  EXPECT_THAT(Failure("HTTP/1.1 200 OK\r\n"), invalid("websocket: "));
}

}  // namespace
}  // namespace hawser::spoke
