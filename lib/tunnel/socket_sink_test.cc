// What a peer gets of a connection that has ended: everything, or a reset.
#include "lib/tunnel/socket_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"

namespace hawser::tunnel {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::LoopbackPeer;
using testing::RunReady;
using testing::RunUntil;
using testing::StatusIs;

constexpr base::Duration kForever = std::chrono::hours(1);

class SocketSinkTest : public ::testing::Test, public SocketSink::Owner {
 protected:
  ~SocketSinkTest() override {
    if (peer_fd_ >= 0) close(peer_fd_);
  }

  void Make(std::pair<int, int> pair, base::Duration patience) {
    // So that much waits on our side; the peer's is some segments of loopback large, since TCP is
    // slow with less.
    const int ours = 4096, theirs = 192 * 1024;
    setsockopt(pair.first, SOL_SOCKET, SO_SNDBUF, &ours, sizeof ours);
    setsockopt(pair.second, SOL_SOCKET, SO_RCVBUF, &theirs, sizeof theirs);
    socket_ = net::MakePlainSocket(loop_, pair.first);
    peer_fd_ = pair.second;
    sink_.emplace(*socket_, *this, patience);
  }
  // As at the end of a receive batch.
  void Write(const std::string& bytes) {
    loop_.RunTurn([&] {
      sink_->Write({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    });
  }
  // The peer reads a little at a time, to the end.
  std::string ReadSlowly() {
    LoopbackPeer peer(net::MakePlainSocket(loop_, std::exchange(peer_fd_, -1)));
    peer.ReadAtMost(0);
    while (!peer.ended()) {
      peer.ReadAtMost(200'000);
      RunReady(loop_);
    }
    EXPECT_THAT(peer.error(), IsOk());
    return peer.received();
  }
  // What the peer reads until it is told of an end (0) or an error.
  std::pair<std::string, int> ReadAll() {
    std::string all;
    char bytes[4096];
    for (;;) {
      const ssize_t count = recv(peer_fd_, bytes, sizeof bytes, 0);
      if (count <= 0) return {all, count == 0 ? 0 : errno};
      all.append(bytes, static_cast<size_t>(count));
    }
  }
  absl::Status AwaitFinished() {
    RunUntil(loop_, [&] { return finished_.has_value(); });
    return *finished_;
  }

  void OnWritten(size_t bytes) override { written_ += bytes; }
  void OnWriteFailed() override { failed_ = true; }
  void OnFinished(const absl::Status& status) override {
    finished_ = status;
    if (status.ok()) {
      socket_->Close();
    } else {
      socket_->Abort();
    }
  }

  net::EventLoop loop_;
  std::unique_ptr<net::Socket> socket_;
  int peer_fd_ = -1;
  std::optional<SocketSink> sink_;
  size_t written_ = 0;
  bool failed_ = false;
  std::optional<absl::Status> finished_;
};

TEST_F(SocketSinkTest, ASlowTcpPeerGetsEverythingAndThenTheEnd) {
  Make(testing::TcpPair(), kForever);
  const std::string bytes(1'000'000, 'x');
  Write(bytes);
  sink_->Finish(nullptr);
  EXPECT_EQ(sink_->state(), SocketSink::State::kFlush);
  EXPECT_EQ(ReadSlowly(), bytes);
  EXPECT_THAT(AwaitFinished(), IsOk());
}

TEST_F(SocketSinkTest, ASlowUnixPeerGetsEverythingAndThenTheEnd) {
  Make(testing::UnixPair(), kForever);
  const std::string bytes(1'000'000, 'x');
  Write(bytes);
  sink_->Finish(nullptr);
  EXPECT_EQ(ReadSlowly(), bytes);
  EXPECT_THAT(AwaitFinished(), IsOk());
}

// Both have sent FIN: to the kernel that looks like a peer that is gone.
TEST_F(SocketSinkTest, APeerThatHalfClosedGetsEverything) {
  Make(testing::TcpPair(), kForever);
  shutdown(peer_fd_, SHUT_WR);
  bool readable = false;
  socket_->WaitReadable([&] { readable = true; });
  RunUntil(loop_, [&] { return readable; });
  const std::string bytes(1'000'000, 'x');
  Write(bytes);
  sink_->Finish(nullptr);
  EXPECT_EQ(ReadSlowly(), bytes);
  EXPECT_THAT(AwaitFinished(), IsOk());
}

// A slow reader is not a stalled one, though its bytes leave in large steps.
TEST_F(SocketSinkTest, WhatThePeerTakesIsProgress) {
  Make(testing::TcpPair(), kForever);
  Write(std::string(1'000'000, 'x'));
  sink_->Drained();
  EXPECT_EQ(sink_->Drained(), 0u);
  std::string space(400'000, '\0');
  size_t read = 0;
  while (read < space.size()) {
    const ssize_t count = ::recv(peer_fd_, space.data(), space.size() - read, MSG_DONTWAIT);
    if (count > 0) read += static_cast<size_t>(count);
    RunReady(loop_);
  }
  EXPECT_GT(sink_->Drained(), 0u);
}

TEST_F(SocketSinkTest, APeerThatTakesNothingIsReset) {
  Make(testing::TcpPair(), milliseconds(50));
  Write(std::string(1'000'000, 'x'));
  sink_->Finish(nullptr);
  EXPECT_THAT(AwaitFinished(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("not taken")));
  const auto [bytes, error] = ReadAll();
  EXPECT_LT(bytes.size(), 1'000'000u);
  EXPECT_EQ(error, ECONNRESET);
}

TEST_F(SocketSinkTest, AlsoWhenTheKernelTookEverything) {
  Make(testing::TcpPair(), milliseconds(50));
  const int large = 1024 * 1024, small = 4096;
  setsockopt(socket_->fd(), SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
  setsockopt(peer_fd_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  Write(std::string(200'000, 'y'));
  sink_->Finish(nullptr);
  EXPECT_EQ(sink_->state(), SocketSink::State::kLinger);
  EXPECT_THAT(AwaitFinished(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("not taken")));
  EXPECT_EQ(ReadAll().second, ECONNRESET);
}

TEST_F(SocketSinkTest, AShortageOfMemoryShortensThePatience) {
  Make(testing::TcpPair(), kForever);
  const auto budget = std::make_shared<MemoryBudget>(1000);
  sink_->ChargeTo(budget);
  Write(std::string(1'000'000, 'x'));
  Write("y");
  EXPECT_EQ(budget->pressure(), MemoryBudget::Pressure::kFull);
  sink_->Finish(nullptr);
  EXPECT_THAT(AwaitFinished(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("not taken")));
  EXPECT_EQ(budget->used(), 0u);
}

TEST_F(SocketSinkTest, BytesForAPeerThatTakesNoMoreCountAsWritten) {
  Make(testing::UnixPair(), kForever);
  close(std::exchange(peer_fd_, -1));
  Write("lost");
  EXPECT_TRUE(failed_);
  Write("too");
  EXPECT_EQ(written_, 7u);
  sink_->Finish(nullptr);
  ASSERT_TRUE(finished_.has_value());
  EXPECT_FALSE(finished_->ok());
}

TEST_F(SocketSinkTest, KeepsItsOwnerForAsLongAsItIsNeeded) {
  Make(testing::TcpPair(), kForever);
  const std::string bytes(1'000'000, 'x');
  Write(bytes);
  auto owner = std::make_shared<int>();
  sink_->Finish(owner);
  EXPECT_GT(owner.use_count(), 1);
  EXPECT_EQ(ReadSlowly(), bytes);
  EXPECT_THAT(AwaitFinished(), IsOk());
  RunUntil(loop_, [&] { return owner.use_count() == 1; });
}

// Takes all that it is given, as TLS does, and holds what the kernel has no room for until it is
// flushed.
class HoldingSocket final : public net::Socket {
 public:
  HoldingSocket(net::EventLoop& loop, size_t room) : loop_(loop), room_(room) {}

  void Flush() {
    held_ = 0;
    if (writable_) std::exchange(writable_, nullptr)();
  }

  Result Read(std::span<uint8_t>) override { return {Result::kWouldBlock}; }
  Result Write(std::span<const iovec> bytes) override {
    if (held_ > 0) return {Result::kWouldBlock};
    size_t taken = 0;
    for (const iovec& piece : bytes) taken += piece.iov_len;
    held_ = taken - std::min(taken, room_);
    return {Result::kOk, taken};
  }
  size_t unwritten() const override { return held_; }
  void WaitReadable(base::Closure) override {}
  void WaitWritable(base::Closure callback) override { writable_ = std::move(callback); }
  void WaitHangUp(base::Closure) override {}
  void StopWaiting() override { writable_ = nullptr; }
  void ShutdownWrite() override {}
  void Close() override {}
  void Abort() override {}
  bool open() const override { return true; }
  Peer Look() const override { return Peer::kThere; }
  size_t Outstanding() const override { return held_; }
  absl::Status error() const override { return absl::OkStatus(); }
  int fd() const override { return -1; }
  net::EventLoop& loop() override { return loop_; }
  const net::PeerInfo& peer() const override { return peer_; }

 private:
  void Detach() override {}
  void Attach(net::EventLoop&) override {}

  net::EventLoop& loop_;
  const net::PeerInfo peer_;
  const size_t room_;
  size_t held_ = 0;
  base::Closure writable_;
};

class HoldingSinkTest : public SocketSinkTest {
 protected:
  HoldingSocket& MakeHolding(size_t room) {
    auto holding = std::make_unique<HoldingSocket>(loop_, room);
    HoldingSocket& socket = *holding;
    socket_ = std::move(holding);
    sink_.emplace(*socket_, *this, kForever);
    sink_->ChargeTo(budget_);
    return socket;
  }

  const std::shared_ptr<MemoryBudget> budget_ = std::make_shared<MemoryBudget>(1000);
};

TEST_F(HoldingSinkTest, CiphertextThatWaitsIsChargedAndNotWritten) {
  HoldingSocket& socket = MakeHolding(0);
  Write(std::string(100, 'x'));
  Write(std::string(30, 'y'));
  EXPECT_EQ(written_, 0u);
  EXPECT_EQ(budget_->used(), 100u + 512) << "a block for the others";
  socket.Flush();
  EXPECT_EQ(written_, 100u);
  EXPECT_EQ(budget_->used(), 30u);
  socket.Flush();
  EXPECT_EQ(written_, 130u);
  EXPECT_EQ(budget_->used(), 0u);
}

TEST_F(HoldingSinkTest, WhatTheKernelTookIsNotCharged) {
  HoldingSocket& socket = MakeHolding(60);
  Write(std::string(100, 'x'));
  EXPECT_EQ(written_, 0u);
  EXPECT_EQ(budget_->used(), 40u);
  socket.Flush();
  EXPECT_EQ(written_, 100u);
  EXPECT_EQ(budget_->used(), 0u);
}

TEST_F(SocketSinkTest, TheGreetingIsNobodysWindow) {
  Make(testing::UnixPair(), kForever);
  sink_->Greet("hello ");
  Write("you");
  sink_->End();
  const auto [bytes, error] = ReadAll();
  EXPECT_EQ(bytes, "hello you");
  EXPECT_EQ(error, 0);
  EXPECT_EQ(written_, 3u);
}

}  // namespace
}  // namespace hawser::tunnel
