// What every socket promises, checked for each kind: TCP, Unix and TLS.

#include "lib/net/socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "lib/net/tls_pair.h"
#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::net {
namespace {

using hawser::testing::IsOk;
using hawser::testing::LoopbackPeer;
using hawser::testing::RunReady;
using hawser::testing::RunUntil;
using hawser::testing::StatusIs;
using hawser::testing::TcpPair;
using hawser::testing::TestCertificates;
using hawser::testing::UnixPair;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using Result = Socket::Result;

enum class Kind { kTcp, kUnix, kTls };

// Bytes that show where they come from.
std::string Pattern(size_t size) {
  std::string text(size, '\0');
  uint32_t state = 1;
  for (char& byte : text) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return text;
}

iovec Piece(const std::string& text) { return {const_cast<char*>(text.data()), text.size()}; }

class SocketTest : public ::testing::TestWithParam<Kind> {
 protected:
  SocketTest() {
    if (GetParam() == Kind::kTls) {
      TestCertificates certificates;
      TlsPair pair = MakeTlsPair(loop_, *TlsContext::Client({.files = certificates.Agent("paris")}),
                                 *TlsContext::Server({.files = certificates.HubAgentPort()}));
      a_ = *std::move(pair.client);
      b_ = *std::move(pair.server);
      return;
    }
    const auto [a, b] = GetParam() == Kind::kTcp ? TcpPair() : UnixPair();
    a_ = MakePlainSocket(loop_, a);
    b_ = MakePlainSocket(loop_, b);
  }

  // Writes until the socket takes no more; returns what it took.
  std::string Fill(Socket& socket) {
    const std::string chunk = Pattern(100'000);
    std::string taken;
    for (;;) {
      const iovec piece = Piece(chunk);
      const Result result = socket.Write({&piece, 1});
      if (result.kind != Result::kOk) {
        EXPECT_EQ(result.kind, Result::kWouldBlock);
        return taken;
      }
      taken += chunk.substr(0, result.bytes);
    }
  }

  // The first result of Read() that is not kWouldBlock, and what was read.
  std::pair<Result::Kind, std::string> Read(EventLoop& loop, Socket& socket) {
    uint8_t space[4096];
    for (;;) {
      const Result result = socket.Read(space);
      if (result.kind != Result::kWouldBlock) return {result.kind, {space, space + result.bytes}};
      bool readable = false;
      socket.WaitReadable([&] { readable = true; });
      RunUntil(loop, [&] { return readable; });
    }
  }

  EventLoop loop_;
  std::unique_ptr<Socket> a_, b_;
};

TEST_P(SocketTest, CarriesBothDirectionsAtOnceToASlowReader) {
  const std::string bytes = Pattern(64 << 20);
  LoopbackPeer a(std::move(a_)), b(std::move(b_));
  b.ReadAtMost(0);
  a.Send(bytes);
  b.Send(bytes);
  a.Finish();
  b.Finish();
  // One direction is not read at all, which holds up nothing of the other.
  RunUntil(loop_, [&] { return a.ended(); });
  EXPECT_TRUE(a.received() == bytes);
  EXPECT_FALSE(a.sent());
  while (!b.ended()) {
    b.ReadAtMost(1'000'003);
    RunReady(loop_);
  }
  EXPECT_TRUE(b.received() == bytes);
  EXPECT_TRUE(a.sent());
}

TEST_P(SocketTest, WritesPiecesInOrder) {
  const std::string bytes = Pattern(200'000);
  std::vector<iovec> pieces;
  for (size_t at = 0, size = 1; at < bytes.size(); at += size, size = size * 7 % 30'011) {
    size = std::min(size, bytes.size() - at);
    pieces.push_back({const_cast<char*>(bytes.data()) + at, size});
  }
  LoopbackPeer b(std::move(b_));
  size_t written = 0;
  std::span<iovec> left(pieces);
  while (!left.empty()) {
    const Result result = a_->Write(left);
    ASSERT_NE(result.kind, Result::kError);
    written += result.bytes;
    for (size_t skip = result.bytes; !left.empty() && skip > 0;) {
      const size_t take = std::min(skip, left.front().iov_len);
      left.front().iov_base = static_cast<char*>(left.front().iov_base) + take;
      left.front().iov_len -= take;
      skip -= take;
      if (left.front().iov_len == 0) left = left.subspan(1);
    }
    RunReady(loop_);
  }
  EXPECT_EQ(written, bytes.size());
  RunUntil(loop_, [&] { return b.received().size() == bytes.size(); });
  EXPECT_TRUE(b.received() == bytes);
}

TEST_P(SocketTest, SaysWhenItTakesMore) {
  const std::string taken = Fill(*a_);
  bool writable = false;
  a_->WaitWritable([&] { writable = true; });
  while (loop_.io().poll_one() != 0) {
  }
  EXPECT_FALSE(writable);
  LoopbackPeer b(std::move(b_));
  RunUntil(loop_, [&] { return writable; });
  const std::string more = "more";
  const iovec piece = Piece(more);
  EXPECT_EQ(a_->Write({&piece, 1}).kind, Result::kOk);
  RunUntil(loop_, [&] { return b.received().size() == taken.size() + more.size(); });
  EXPECT_TRUE(b.received() == taken + more);
  EXPECT_TRUE(a_->written());
}

TEST_P(SocketTest, HalfCloseLeavesTheOtherDirectionOpen) {
  LoopbackPeer a(std::move(a_)), b(std::move(b_));
  a.Send("question");
  a.Finish();
  RunUntil(loop_, [&] { return b.ended(); });
  EXPECT_EQ(b.received(), "question");
  EXPECT_THAT(b.error(), IsOk());
  EXPECT_FALSE(a.ended());
  b.Send(std::string(1 << 20, 'a'));
  b.Finish();
  RunUntil(loop_, [&] { return a.ended(); });
  EXPECT_EQ(a.received(), std::string(1 << 20, 'a'));
  EXPECT_THAT(a.error(), IsOk());
}

TEST_P(SocketTest, FinFollowsWhatTheKernelHasNotTaken) {
  const std::string taken = Fill(*a_);
  a_->ShutdownWrite();
  LoopbackPeer b(std::move(b_));
  RunUntil(loop_, [&] { return b.ended(); });
  EXPECT_TRUE(b.received() == taken);
}

TEST_P(SocketTest, CloseIsAnEnd) {
  a_->Close();
  a_->Close();
  EXPECT_FALSE(a_->open());
  EXPECT_EQ(Read(loop_, *b_).first, Result::kEnd);
  uint8_t byte;
  EXPECT_EQ(a_->Read({&byte, 1}).kind, Result::kError);
  const iovec piece{&byte, 1};
  EXPECT_EQ(a_->Write({&piece, 1}).kind, Result::kError);
}

TEST_P(SocketTest, AbortIsAnErrorOrAtLeastAnEnd) {
  EXPECT_EQ(b_->Look(), Socket::Peer::kThere);
  bool hung_up = false;
  b_->WaitHangUp([&] { hung_up = true; });
  a_->Abort();
  EXPECT_EQ(a_->Look(), Socket::Peer::kGone);
  EXPECT_EQ(b_->Look(), GetParam() == Kind::kUnix ? Socket::Peer::kGone : Socket::Peer::kReset);
  RunUntil(loop_, [&] { return hung_up; });
  const Result::Kind kind = Read(loop_, *b_).first;
  if (GetParam() == Kind::kUnix) {  // which knows no resets of idle connections
    EXPECT_EQ(kind, Result::kEnd);
    return;
  }
  EXPECT_EQ(kind, Result::kError);
  EXPECT_THAT(b_->error(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(": connection reset by peer")));
}

// Whoever takes a peer for gone before all is read loses its last bytes.
TEST_P(SocketTest, APeerThatLeftIsNotGoneBeforeAllIsRead) {
  b_->ShutdownWrite();
  ASSERT_EQ(Read(loop_, *a_).first, Result::kEnd);
  const std::string bytes = Pattern(5000);
  const iovec piece = Piece(bytes);
  ASSERT_EQ(a_->Write({&piece, 1}).bytes, bytes.size());
  bool hung_up = false;
  b_->WaitHangUp([&] { hung_up = true; });
  a_->Close();
  RunUntil(loop_, [&] { return hung_up; });
  std::string read;
  while (read.size() < bytes.size()) {
    EXPECT_EQ(b_->Look(), Socket::Peer::kLeft);
    const auto [kind, more] = Read(loop_, *b_);
    ASSERT_EQ(kind, Result::kOk);
    read += more;
  }
  EXPECT_EQ(read, bytes);
  EXPECT_EQ(Read(loop_, *b_).first, Result::kEnd);
  EXPECT_EQ(b_->Look(), Socket::Peer::kGone);
}

TEST_P(SocketTest, KnowsWhatHasNotArrived) {
  EXPECT_EQ(a_->Outstanding(), 0u);
  const std::string taken = Fill(*a_);
  EXPECT_GT(a_->Outstanding(), 0u);
  LoopbackPeer b(std::move(b_));
  RunUntil(loop_, [&] { return b.received().size() == taken.size() && a_->Outstanding() == 0; });
}

TEST_P(SocketTest, WaitsCanBeGivenUp) {
  bool called = false;
  a_->WaitReadable([&] { called = true; });
  a_->WaitHangUp([&] { called = true; });
  a_->StopWaiting();
  b_->Close();
  EXPECT_EQ(Read(loop_, *a_).first, Result::kEnd);
  RunReady(loop_);
  EXPECT_FALSE(called);
}

TEST_P(SocketTest, WriteToALostPeerFails) {
  b_->Abort();
  const std::string bytes = Pattern(1000);
  const iovec piece = Piece(bytes);
  while (a_->Write({&piece, 1}).kind != Result::kError) RunReady(loop_);
  EXPECT_THAT(a_->error().message(), AnyOf(HasSubstr("broken pipe"), HasSubstr("reset by peer")));
}

TEST_P(SocketTest, WhatArrivedBeforeAFailedWriteIsStillRead) {
  const std::string bytes = "answer";
  const iovec piece = Piece(bytes);
  ASSERT_EQ(b_->Write({&piece, 1}).kind, Result::kOk);
  b_->Close();
  Result last{};
  do last = a_->Write({&piece, 1});
  while (last.kind == Result::kOk);
  EXPECT_EQ(last.kind, Result::kError);
  EXPECT_EQ(Read(loop_, *a_), std::pair(Result::kOk, bytes));
}

TEST_P(SocketTest, DropsCallbacksWhenClosedOrDestroyed) {
  for (Socket* socket : {a_.get(), b_.get()}) {
    Fill(*socket);
    socket->WaitReadable([] { ADD_FAILURE(); });
    socket->WaitWritable([] { ADD_FAILURE(); });
  }
  a_->Close();
  b_.reset();
  RunReady(loop_);
}

TEST_P(SocketTest, CallbackMayDestroyTheSocket) {
  b_->WaitReadable([&] { b_.reset(); });
  const std::string bytes = "bye";
  const iovec piece = Piece(bytes);
  a_->Write({&piece, 1});
  RunUntil(loop_, [&] { return b_ == nullptr; });
  bool readable = false;
  a_->WaitReadable([&] { readable = true; });  // its peer's end
  RunUntil(loop_, [&] { return readable; });
  a_->WaitWritable([&] { a_.reset(); });
  RunUntil(loop_, [&] { return a_ == nullptr; });
}

TEST_P(SocketTest, LaterCallbackReplacesThePendingOne) {
  bool readable = false;
  b_->WaitReadable([] { ADD_FAILURE(); });
  b_->WaitReadable([&] { readable = true; });
  a_->Close();
  RunUntil(loop_, [&] { return readable; });
}

TEST_P(SocketTest, MovesToAnotherLoopWithAllItHolds) {
  const std::string bytes = Pattern(2 << 20);
  LoopbackPeer b(std::move(b_));
  b.Send(bytes);
  // For TLS this leaves records in OpenSSL's buffer, and ciphertext that the kernel refused.
  const auto [kind, head] = Read(loop_, *a_);
  ASSERT_EQ(kind, Result::kOk);
  b.ReadAtMost(0);
  const std::string taken = Fill(*a_);

  EventLoop other;
  std::unique_ptr<LoopbackPeer> moved;
  Socket::MoveTo(std::move(a_), other, [&](std::unique_ptr<Socket> socket) {
    EXPECT_EQ(&socket->loop(), &other);
    moved = std::make_unique<LoopbackPeer>(std::move(socket));
    moved->Finish();
  });
  std::thread thread([&] {
    RunUntil(other, [&] { return moved != nullptr && moved->ended() && moved->sent(); });
  });
  b.Finish();
  b.ReadAtMost(SIZE_MAX);
  RunUntil(loop_, [&] { return b.ended() && b.sent(); });
  thread.join();
  EXPECT_TRUE(head + moved->received() == bytes);
  EXPECT_TRUE(b.received() == taken);
}

TEST_P(SocketTest, MoveToALoopThatNeverRunsClosesTheSocket) {
  {
    EventLoop other;
    Socket::MoveTo(std::move(a_), other, [](auto) { ADD_FAILURE(); });
  }
  EXPECT_NE(Read(loop_, *b_).first, Result::kOk);
}

std::string KindName(const ::testing::TestParamInfo<Kind>& info) {
  switch (info.param) {
    case Kind::kTcp: return "Tcp";
    case Kind::kUnix: return "Unix";
    case Kind::kTls: return "Tls";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Kinds, SocketTest, ::testing::Values(Kind::kTcp, Kind::kUnix, Kind::kTls),
                         KindName);

TEST(PlainSocket, KnowsThePeer) {
  EventLoop loop;
  const auto [tcp, tcp_peer] = TcpPair();
  const auto socket = MakePlainSocket(loop, tcp);
  EXPECT_THAT(socket->peer().address, ::testing::StartsWith("127.0.0.1:"));
  EXPECT_EQ(socket->peer().uid, std::nullopt);
  EXPECT_EQ(socket->peer().certificate, nullptr);
  const auto [local, local_peer] = UnixPair();
  const auto unix_socket = MakePlainSocket(loop, local);
  EXPECT_EQ(unix_socket->peer().address, "unix");
  EXPECT_EQ(unix_socket->peer().uid, ::getuid());
  ::close(tcp_peer);
  ::close(local_peer);
}

}  // namespace
}  // namespace hawser::net
