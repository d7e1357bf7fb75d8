#include "hub/http_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace hawser::hub {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A peer that takes every byte and always has more to say, `reads` times.
class TalkativeSocket final : public net::Socket {
 public:
  struct Log {
    int reads = 0;
    size_t bytes = 0;
    int most_in_a_turn = 0;
    std::string written;
    bool closed = false;
  };
  TalkativeSocket(net::EventLoop& loop, int reads, Log& log)
      : loop_(loop), left_(reads), log_(log) {}

  Result Read(std::span<uint8_t> space) override {
    if (left_-- == 0) return {Result::kEnd};
    ++log_.reads;
    log_.bytes += space.size();
    log_.most_in_a_turn = std::max(log_.most_in_a_turn, ++in_this_turn_);
    return {Result::kOk, space.size()};
  }
  Result Write(std::span<const iovec> bytes) override {
    log_.written.append(static_cast<const char*>(bytes[0].iov_base), bytes[0].iov_len);
    return {Result::kOk, bytes[0].iov_len};
  }
  size_t unwritten() const override { return 0; }
  void WaitReadable(base::Closure callback) override { InTurn(std::move(callback)); }
  void WaitWritable(base::Closure callback) override { InTurn(std::move(callback)); }
  void WaitHangUp(base::Closure) override {}
  void StopWaiting() override {}
  void ShutdownWrite() override {}
  void Close() override { log_.closed = true; }
  void Abort() override { Close(); }
  bool open() const override { return !log_.closed; }
  Peer Look() const override { return Peer::kThere; }
  size_t Outstanding() const override { return 0; }
  absl::Status error() const override { return absl::OkStatus(); }
  int fd() const override { return -1; }
  net::EventLoop& loop() override { return loop_; }
  const net::PeerInfo& peer() const override { return peer_; }

 private:
  void Detach() override {}
  void Attach(net::EventLoop&) override {}
  void InTurn(base::Closure callback) {
    loop_.Post([this, callback = std::move(callback)]() mutable {
      in_this_turn_ = 0;
      callback();
    });
  }

  net::EventLoop& loop_;
  int left_;
  int in_this_turn_ = 0;
  Log& log_;
  const net::PeerInfo peer_;
};

TEST(HttpReply, TheStatusLineSaysWhy) {
  EXPECT_THAT(
      HttpReply({tunnel::Reason::kNoAgent, tunnel::Hop::kHub, "no agent available for \"tokyo\""}),
      StartsWith("HTTP/1.1 503 no agent available for \"tokyo\" (no_agent at the hub)\r\n"));
  EXPECT_THAT(HttpReply(408, "the request did not arrive in time"),
              AllOf(StartsWith("HTTP/1.1 408 the request did not arrive in time\r\n"),
                    EndsWith("\r\n\r\nthe request did not arrive in time\n")));
}

TEST(HttpReply, WhatPeersSayCannotLeaveTheStatusLine) {
  const std::string reply = HttpReply({tunnel::Reason::kRefused, tunnel::Hop::kTarget,
                                       "a\r\nSet-Cookie: b\x7f\xfc" + std::string(4000, 'x')});
  const std::string line = reply.substr(0, reply.find("\r\n"));
  EXPECT_THAT(line, StartsWith("HTTP/1.1 502 a??Set-Cookie: b??xxx"));
  EXPECT_THAT(line, EndsWith("xxx (refused at the target)"));
  EXPECT_EQ(line.size(), std::string("HTTP/1.1 502 ").size() + 256);
  EXPECT_THAT(HttpReply(400, std::string(4000, '\n')),
              StartsWith("HTTP/1.1 400 " + std::string(256, '?') + "\r\n"));
}

TEST(LastWords, OthersHaveTheirTurnsBesideAPeerThatSendsOn) {
  net::EventLoop loop;
  TalkativeSocket::Log log;
  LastWords words(std::make_unique<TalkativeSocket>(loop, 10, log), HttpReply(405, "no"),
                  [&] { loop.Stop(); });
  loop.Run();
  EXPECT_THAT(log.written, StartsWith("HTTP/1.1 405 no\r\n"));
  EXPECT_THAT(log.written, HasSubstr("\r\nAllow: CONNECT\r\n"));
  EXPECT_EQ(log.reads, 10);
  EXPECT_EQ(log.most_in_a_turn, 1);
  EXPECT_TRUE(log.closed);
}

TEST(LastWords, APeerThatSendsOnIsNotReadForLong) {
  net::EventLoop loop;
  TalkativeSocket::Log log;
  LastWords words(std::make_unique<TalkativeSocket>(loop, 100'000, log), HttpReply(405, "no"),
                  [&] { loop.Stop(); });
  loop.Run();
  EXPECT_EQ(log.bytes, 256 * 1024);
  EXPECT_TRUE(log.closed);
}

}  // namespace
}  // namespace hawser::hub
