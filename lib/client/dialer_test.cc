// The dialer against a front end in this process, over a Unix socket and over TLS.
#include "lib/client/dialer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "lib/client/dial_error.h"
#include "lib/client/fake_front_end.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::client {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

std::unique_ptr<Dialer> MakeDialer(const FakeFrontEnd& front) {
  auto dialer = Dialer::Make({.hub = front.address()});
  EXPECT_TRUE(dialer.ok()) << dialer.status();
  return *std::move(dialer);
}

// Reads until the end; an error becomes text.
std::string ReadAll(Stream& stream) {
  std::string all;
  std::array<char, 65536> chunk;
  for (;;) {
    const absl::StatusOr<size_t> bytes = stream.Read(chunk);
    if (!bytes.ok()) return all + bytes.status().ToString();
    if (*bytes == 0) return all;
    all.append(chunk.data(), *bytes);
  }
}

std::string ReadExactly(Stream& stream, size_t size) {
  std::string all(size, '\0');
  for (size_t done = 0; done < size;) {
    const absl::StatusOr<size_t> bytes = stream.Read({all.data() + done, size - done});
    if (!bytes.ok() || *bytes == 0) return "ended: " + bytes.status().ToString();
    done += *bytes;
  }
  return all;
}

// Bytes that differ by position and by `seed`.
std::string Pattern(size_t size, uint32_t seed) {
  std::string bytes(size, '\0');
  uint32_t state = seed * 2654435761u + 1;
  for (char& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

class DialerTest : public ::testing::TestWithParam<bool> {
 protected:
  FakeFrontEnd front_{{.plain = GetParam()}};
  std::unique_ptr<Dialer> dialer_ = MakeDialer(front_);
};

INSTANTIATE_TEST_SUITE_P(Peers, DialerTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Konnectivity" : "Hawser"; });

TEST_P(DialerTest, CarriesBytesBothWays) {
  absl::StatusOr<Stream> stream = dialer_->Dial("echo.paris:80");
  ASSERT_THAT(stream, IsOk());
  ASSERT_THAT(stream->Write("hello"), IsOk());
  EXPECT_EQ(ReadExactly(*stream, 5), "hello");
  EXPECT_EQ(stream->address(), "echo.paris:80");
  EXPECT_FALSE(stream->failure().has_value());
  stream->Close();
  front_.AwaitIdle();
}

TEST_P(DialerTest, FirstBytesArriveOnceAndAheadOfAllOthers) {
  for (const size_t size : {1, 3 * 1024, 3 * 1024 + 1, 200'000}) {
    const std::string first = Pattern(size, 1);
    absl::StatusOr<Stream> stream = dialer_->Dial("echo.paris:80", {.first_bytes = first});
    ASSERT_THAT(stream, IsOk());
    ASSERT_THAT(stream->Write("and the rest"), IsOk());
    EXPECT_EQ(ReadExactly(*stream, size), first);
    EXPECT_EQ(ReadExactly(*stream, 12), "and the rest");
  }
  front_.AwaitIdle();
}

TEST_P(DialerTest, WhatAJoinedSocketHasAlreadyArrivesOnce) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const std::string first = Pattern(10'000, 2);
  ASSERT_EQ(write(ends[0], first.data(), first.size()), first.size());
  dialer_->Join(ends[1], "echo.paris:80", {}, [](const absl::Status&) {});
  std::string back(first.size(), '\0');
  ASSERT_EQ(recv(ends[0], back.data(), back.size(), MSG_WAITALL), first.size());
  EXPECT_EQ(back, first);
  close(ends[0]);
  front_.AwaitIdle();
}

TEST_P(DialerTest, HundredsOfTunnelsDoNotMix) {
  constexpr int kTunnels = 100;
  std::vector<std::future<bool>> intact;
  for (int i = 0; i < kTunnels; ++i) {
    intact.push_back(std::async(std::launch::async, [this, i] {
      absl::StatusOr<Stream> stream = dialer_->Dial("echo.paris:80");
      if (!stream.ok()) return false;
      const std::string sent = Pattern(20000, i);
      return stream->Write(sent).ok() && ReadExactly(*stream, sent.size()) == sent;
    }));
  }
  for (auto& result : intact) EXPECT_TRUE(result.get());
  // Before the front end has said how many streams it takes, a link has room for fifty.
  EXPECT_LE(front_.links(), 2);
  front_.AwaitIdle();
}

TEST_P(DialerTest, ErrorsSayWhatFailedWhere) {
  const absl::Status status = dialer_->Dial("refused.default.svc.paris:80").status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable,
                       "dial refused.default.svc.paris:80: dial tcp 10.96.0.10:80: "
                       "connect: connection refused (refused at the " +
                           std::string(GetParam() ? "agent" : "target") + " in cluster paris)"));
  const auto failure = FailureOf(status);
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->reason, Reason::kRefused);
  EXPECT_FALSE(Unavailable(*failure));

  const auto missing = FailureOf(dialer_->Dial("missing.paris:80").status());
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->reason, Reason::kNoAgent);
  EXPECT_TRUE(Unavailable(*missing));
  front_.AwaitIdle();
}

TEST_P(DialerTest, DeadlineEndsADial) {
  const absl::StatusOr<Stream> stream =
      dialer_->Dial("never.paris:80", {.timeout = std::chrono::milliseconds(50)});
  EXPECT_THAT(stream, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("never.paris:80")));
  front_.AwaitCancelled(1);
  front_.AwaitIdle();
}

TEST_P(DialerTest, CancellingADialLeavesNothingBehind) {
  std::promise<absl::Status> answer;
  PendingDial pending =
      dialer_->DialAsync("never.paris:80", {},
                         [&](absl::StatusOr<Stream> stream) { answer.set_value(stream.status()); });
  front_.AwaitDials(1);
  pending.Cancel();
  EXPECT_THAT(answer.get_future().get(),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("never.paris:80")));
  pending.Cancel();
  front_.AwaitCancelled(1);
  front_.AwaitIdle();
}

TEST_P(DialerTest, FiftyCancelledAtOnceAnywhereOnTheirWay) {
  constexpr int kDials = 50;
  std::vector<std::promise<void>> answered(kDials);
  for (int i = 0; i < kDials; ++i) {
    PendingDial pending =
        dialer_->DialAsync("echo.paris:80", {}, [&answered, i](absl::StatusOr<Stream> stream) {
          if (!stream.ok()) {
            EXPECT_THAT(stream, StatusIs(absl::StatusCode::kCancelled));
          }
          answered[i].set_value();
        });
    // Every other one has a chance to be answered first.
    if (i % 2 == 1) answered[i].get_future().wait();
    pending.Cancel();
    if (i % 2 == 0) answered[i].get_future().wait();
  }
  front_.AwaitIdle();
}

TEST_P(DialerTest, ADialMayOutliveItsDialer) {
  std::promise<absl::Status> answer;
  PendingDial pending =
      dialer_->DialAsync("never.paris:80", {},
                         [&](absl::StatusOr<Stream> stream) { answer.set_value(stream.status()); });
  dialer_.reset();
  EXPECT_THAT(answer.get_future().get(), StatusIs(absl::StatusCode::kCancelled));
  pending.Cancel();
}

TEST_P(DialerTest, LosingTheHubBreaksTunnelsAndDialsAtOnce) {
  absl::StatusOr<Stream> stream = dialer_->Dial("echo.paris:80");
  ASSERT_THAT(stream, IsOk());
  std::promise<absl::Status> answer;
  dialer_->DialAsync("never.paris:80", {},
                     [&](absl::StatusOr<Stream> never) { answer.set_value(never.status()); });
  front_.AwaitDials(2);
  front_.DropLinks();
  std::array<char, 16> space;
  EXPECT_THAT(stream->Read(space),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("read from echo.paris:80")));
  const auto broken = stream->failure();
  ASSERT_TRUE(broken.has_value());
  EXPECT_EQ(broken->hop, Hop::kHub);
  EXPECT_TRUE(Unavailable(*broken));
  EXPECT_THAT(answer.get_future().get(), StatusIs(absl::StatusCode::kUnavailable));

  // The next dial connects again.
  absl::StatusOr<Stream> again = dialer_->Dial("echo.paris:80");
  ASSERT_THAT(again, IsOk());
  ASSERT_THAT(again->Write("x"), IsOk());
  EXPECT_EQ(ReadExactly(*again, 1), "x");
  EXPECT_EQ(front_.links(), 2);
}

TEST_P(DialerTest, AnUnreadTunnelHoldsNoOther) {
  absl::StatusOr<Stream> unread = dialer_->Dial("source.paris:80");
  ASSERT_THAT(unread, IsOk());
  absl::StatusOr<Stream> stream = dialer_->Dial("echo.paris:80");
  ASSERT_THAT(stream, IsOk());
  const std::string sent = Pattern(4 * 1024 * 1024, 7);
  std::thread writer([&] { EXPECT_THAT(stream->Write(sent), IsOk()); });
  EXPECT_TRUE(ReadExactly(*stream, sent.size()) == sent);
  writer.join();
  // Closing it ends what never ends by itself.
  unread->Close();
  stream->Close();
  front_.AwaitIdle();
}

TEST_P(DialerTest, ClosingAfterAHalfCloseStopsAnEndlessTarget) {
  absl::StatusOr<Stream> stream = dialer_->Dial("source.paris:80");
  ASSERT_THAT(stream, IsOk());
  ASSERT_THAT(stream->CloseWrite(), IsOk());
  EXPECT_EQ(ReadExactly(*stream, 1000), std::string(1000, 's'));
  stream->Close();
  front_.AwaitIdle();
}

TEST_P(DialerTest, GivesAPlainDescriptor) {
  absl::StatusOr<Stream> stream = dialer_->Dial("echo.paris:80");
  ASSERT_THAT(stream, IsOk());
  const int fd = stream->ReleaseFd();
  EXPECT_EQ(stream->fd(), -1);
  ASSERT_EQ(write(fd, "ping", 4), 4);
  pollfd readable{fd, POLLIN, 0};
  ASSERT_EQ(poll(&readable, 1, -1), 1);
  std::array<char, 16> space;
  EXPECT_GT(read(fd, space.data(), space.size()), 0);
  close(fd);
  front_.AwaitIdle();
}

TEST_P(DialerTest, JoinsASocketOfTheCaller) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  std::promise<absl::Status> done;
  dialer_->Join(ends[1], "echo.paris:80", {},
                [&](const absl::Status& status) { done.set_value(status); });
  ASSERT_EQ(write(ends[0], "ping", 4), 4);
  std::array<char, 16> space;
  EXPECT_GT(read(ends[0], space.data(), space.size()), 0);
  close(ends[0]);
  EXPECT_THAT(done.get_future().get(), IsOk());
  front_.AwaitIdle();
}

TEST_P(DialerTest, ASocketThatHangsUpCancelsItsDial) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  std::promise<absl::Status> done;
  dialer_->Join(ends[1], "never.paris:80", {},
                [&](const absl::Status& status) { done.set_value(status); });
  front_.AwaitDials(1);
  close(ends[0]);
  EXPECT_THAT(done.get_future().get(), StatusIs(absl::StatusCode::kCancelled));
  front_.AwaitCancelled(1);
}

TEST_P(DialerTest, DrainLetsClosedStreamsFinish) {
  {
    absl::StatusOr<Stream> stream = dialer_->Dial("echo.paris:80");
    ASSERT_THAT(stream, IsOk());
    ASSERT_THAT(stream->Write(Pattern(100000, 1)), IsOk());
  }
  dialer_->Drain(std::chrono::seconds(20));
  dialer_.reset();
  front_.AwaitIdle();
}

TEST_P(DialerTest, ACloseLosesNothingThoughAnswersAreUnread) {
  absl::StatusOr<Stream> stream = dialer_->Dial("echo.paris:80");
  ASSERT_THAT(stream, IsOk());
  ASSERT_THAT(stream->Write("x"), IsOk());
  pollfd answer{stream->fd(), POLLIN, 0};
  ASSERT_EQ(poll(&answer, 1, 20'000), 1);
  ASSERT_THAT(stream->Write(Pattern(300'000, 1)), IsOk());
  stream->Close();
  EXPECT_TRUE(dialer_->Drain(std::chrono::seconds(20)));
  EXPECT_EQ(front_.received(), 300'001u);
  EXPECT_EQ(front_.cut(), 0u);
  EXPECT_FALSE(stream->failure().has_value());
}

// Its answer is unread: the tunnel's end of the pair stays until that is read.
TEST_P(DialerTest, AWriterHearsOfTheEndBeforeItReads) {
  absl::StatusOr<Stream> stream = dialer_->Dial("leaving.paris:80");
  ASSERT_THAT(stream, IsOk());
  EXPECT_FALSE(stream->Write(Pattern(4'000'000, 1)).ok());
  EXPECT_EQ(ReadAll(*stream), "no");
}

// With Konnectivity's protocol a target cannot hear of a half-close.
TEST(DialerHawserTest, TwentyMebibytesIntactBothWaysWithHalfClose) {
  FakeFrontEnd front({});
  const auto dialer = MakeDialer(front);
  absl::StatusOr<Stream> stream = dialer->Dial("echo.paris:80");
  ASSERT_THAT(stream, IsOk());
  const std::string sent = Pattern(20 * 1024 * 1024, 3);
  std::thread writer([&] {
    EXPECT_THAT(stream->Write(sent), IsOk());
    EXPECT_THAT(stream->CloseWrite(), IsOk());
  });
  EXPECT_TRUE(ReadAll(*stream) == sent);
  writer.join();
  front.AwaitIdle();
}

TEST(DialerHawserTest, ABrokenTunnelTellsWhy) {
  FakeFrontEnd front({});
  const auto dialer = MakeDialer(front);
  absl::StatusOr<Stream> stream = dialer->Dial("reset.paris:80");
  ASSERT_THAT(stream, IsOk());
  ASSERT_THAT(stream->Write("x"), IsOk());
  std::array<char, 16> space;
  EXPECT_THAT(stream->Read(space), StatusIs(absl::StatusCode::kUnavailable,
                                            HasSubstr("reset at the target in cluster paris")));
  EXPECT_EQ(stream->failure()->reason, Reason::kReset);
}

// Half of what is announced: hubs refuse dials on the rest.
TEST(DialerHawserTest, OpensAnotherLinkAtTheStreamLimit) {
  FakeFrontEnd front({.max_streams = 6});
  const auto dialer = MakeDialer(front);
  std::vector<Stream> streams;
  for (int i = 0; i < 6; ++i) {
    absl::StatusOr<Stream> stream = dialer->Dial("echo.paris:80");
    ASSERT_THAT(stream, IsOk());
    streams.push_back(*std::move(stream));
  }
  EXPECT_EQ(front.links(), 2);
  for (Stream& stream : streams) {
    ASSERT_THAT(stream.Write("x"), IsOk());
    EXPECT_EQ(ReadExactly(stream, 1), "x");
  }
}

TEST(DialerHawserTest, ASilentHubIsNotTakenForASilentAgent) {
  FakeFrontEnd front({.silent_links = 1});
  const auto dialer = MakeDialer(front);
  const absl::StatusOr<Stream> stream =
      dialer->Dial("never.paris:80", {.timeout = std::chrono::milliseconds(50)});
  EXPECT_THAT(stream, StatusIs(absl::StatusCode::kDeadlineExceeded,
                               HasSubstr("did not answer in time (timed_out at the hub)")));
  // The next dial does not wait for it again.
  EXPECT_THAT(dialer->Dial("echo.paris:80"), IsOk());
  EXPECT_EQ(front.links(), 2);
}

class DialerTlsTest : public ::testing::Test {
 protected:
  static std::shared_ptr<net::TlsContext> ServerContext(const net::TlsFiles& files) {
    auto context = net::TlsContext::Server({.files = files});
    EXPECT_THAT(context, IsOk());
    return *std::move(context);
  }

  ::hawser::testing::TestCertificates certificates_;
  FakeFrontEnd front_{{.tls = ServerContext(certificates_.HubFrontEnd())}};
};

TEST_F(DialerTlsTest, DialsOverMutualTlsByName) {
  const std::string port = front_.address().substr(front_.address().rfind(':'));
  const auto dialer =
      Dialer::Make({.hub = "localhost" + port, .tls = certificates_.Client("alice")});
  ASSERT_THAT(dialer, IsOk());
  absl::StatusOr<Stream> stream = (*dialer)->Dial("echo.paris:80");
  ASSERT_THAT(stream, IsOk());
  ASSERT_THAT(stream->Write("hello"), IsOk());
  EXPECT_EQ(ReadExactly(*stream, 5), "hello");
}

TEST_F(DialerTlsTest, AnAgentIsNoClient) {
  const auto dialer = Dialer::Make({.hub = front_.address(), .tls = certificates_.Agent("paris")});
  ASSERT_THAT(dialer, IsOk());
  const absl::Status status = (*dialer)->Dial("echo.paris:80").status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr(front_.address())));
}

TEST(DialerHawserTest, NoHubIsAnErrorAtOnce) {
  const auto dialer = Dialer::Make({.hub = "unix:/nowhere/front.sock"});
  ASSERT_THAT(dialer, IsOk());
  const absl::Status status = (*dialer)->Dial("echo.paris:80").status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("hub unix:/nowhere/front.sock")));
  EXPECT_TRUE(Unavailable(*FailureOf(status)));
}

TEST(DialerHawserTest, RefusesUnusableOptions) {
  for (const std::string hub : {"", "hub", "hub:0x1", "unix:"})
    EXPECT_THAT(Dialer::Make({.hub = hub}), StatusIs(absl::StatusCode::kInvalidArgument)) << hub;
  EXPECT_THAT(Dialer::Make({.hub = "hub.example:8090"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("needs the CA")));
  EXPECT_FALSE(Dialer::Make({.hub = "hub.example:8090", .tls = {.ca = "/nowhere/ca.crt"}}).ok());
}

}  // namespace
}  // namespace hawser::client
