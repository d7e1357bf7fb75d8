// Our client and our server, end to end.
#include "lib/h2/transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/h2/loopback.h"
#include "lib/testing/spin.h"
#include "lib/testing/status_matchers.h"

namespace hawser::h2 {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;  // NOLINT: for readable durations

TEST(TransportTest, CarriesMessagesAndMetadataBothWays) {
  Loopback net;
  net.accept = [&](const std::string& path) {
    EXPECT_EQ(path, "/AgentService/Connect");
    auto call = std::make_shared<TestCall>();
    call->on_open = [raw = call.get()] {
      net::Metadata headers;
      headers.Add("serverID", "hub-1");
      raw->stream->SendHeaders(headers);
      raw->Send("welcome " + raw->request.Get("agentid"));
    };
    call->on_message = [raw = call.get()] { raw->Send("echo " + raw->received.back()); };
    return call;
  };
  net::Metadata headers;
  headers.Add("agentid", "paris");
  auto call = net.Open("/AgentService/Connect", headers);
  net.Do([&] {
    call->Send("one");
    call->Send("");
  });
  ASSERT_TRUE(net.Await([&] { return call->received.size() == 3; }));
  EXPECT_EQ(call->response->Get("serverid"), "hub-1");
  EXPECT_THAT(call->received, ElementsAre("welcome paris", "echo one", "echo "));
}

TEST(TransportTest, ResponseHeadersArriveBeforeAnyMessage) {
  Loopback net;
  auto call = net.OpenAnswered();
  EXPECT_TRUE(call->received.empty());
}

TEST(TransportTest, BulkDataArrivesIntactBothWays) {
  Loopback net;
  constexpr uint64_t kBytes = 64 << 20;
  auto client_end = net.OpenAnswered();
  auto server_end = net.accepted();
  client_end->check_pattern = server_end->check_pattern = true;
  net.Do([&] {
    client_end->SendPattern(kBytes);
    server_end->SendPattern(kBytes);
  });
  ASSERT_TRUE(net.Await([&] {
    return client_end->pattern_received == kBytes && server_end->pattern_received == kBytes;
  }));
  EXPECT_FALSE(client_end->pattern_broken);
  EXPECT_FALSE(server_end->pattern_broken);
}

TEST(TransportTest, TinyWindowsCarryEveryByte) {
  Options tiny;
  tiny.stream_window = 100;
  tiny.connection_window = 65535;
  Loopback net(tiny, tiny);
  constexpr uint64_t kBytes = 100'000;
  auto client_end = net.OpenAnswered();
  auto server_end = net.accepted();
  server_end->check_pattern = true;
  net.Do([&] { client_end->SendPattern(kBytes); });
  ASSERT_TRUE(net.Await([&] { return server_end->pattern_received == kBytes; }));
  EXPECT_FALSE(server_end->pattern_broken);
}

TEST(TransportTest, WithheldBytesStopTheSenderUntilReleased) {
  Options options;
  options.stream_window = 64 * 1024;
  Loopback net(options, {});
  auto client_end = net.OpenAnswered();
  auto server_end = net.accepted();
  auto other = net.OpenAnswered();
  server_end->check_pattern = server_end->withhold = true;
  net.Do([&] { client_end->SendPattern(1 << 20); });
  // The messages' five-byte prefixes are not withheld: the window runs out a little later.
  ASSERT_TRUE(net.Await([&] { return server_end->withheld > 60'000; }));
  net.Do([&] { other->Send("not held back"); });
  ASSERT_TRUE(net.Await([&] { return net.accepted()->received.size() == 1; }));
  EXPECT_LE(server_end->withheld, options.stream_window);
  net.Do([&] {
    server_end->withhold = false;
    server_end->stream->Release(server_end->withheld);
  });
  ASSERT_TRUE(net.Await([&] { return server_end->pattern_received == 1 << 20; }));
  EXPECT_FALSE(server_end->pattern_broken);
}

TEST(TransportTest, ASlowReaderReturnsWhatItTakesInSmallSteps) {
  Options options;
  options.stream_window = 1 << 20;
  Loopback net(options, {});
  auto client_end = net.OpenAnswered();
  auto server_end = net.accepted();
  server_end->check_pattern = server_end->withhold = true;
  net.Do([&] { client_end->SendPattern(4 << 20); });
  ASSERT_TRUE(net.Await([&] { return server_end->withheld > 1'000'000; }));
  for (size_t released = 32 * 1024; released <= 10 * 32 * 1024; released += 32 * 1024) {
    net.Do([&] { server_end->stream->Release(32 * 1024); });
    ASSERT_TRUE(net.Await([&] { return server_end->withheld > 1'000'000 + released - 16 * 1024; }));
  }
}

TEST(TransportTest, AWindowThatShrankHoldsTheSenderBackAndGrowsAgain) {
  constexpr size_t kLarge = 4 << 20, kSmall = 256 * 1024, kSlack = 64 * 1024;
  Options options;
  options.stream_window = kLarge;
  Loopback net(options, {});
  auto client_end = net.OpenAnswered();
  auto server_end = net.accepted();
  server_end->check_pattern = true;
  uint64_t sent = 0;
  const auto send = [&](uint64_t bytes) {
    net.Do([&] { client_end->SendPattern(bytes); });
    sent += bytes;
  };
  const auto flows = [&] {
    return net.Await([&] { return server_end->pattern_received == sent; });
  };
  // How much arrives before the sender has to stop: `least`, and what else does within a second.
  const auto held = [&](size_t least) {
    server_end->withhold = true;
    send(2 * kLarge);
    EXPECT_TRUE(net.Await([&] { return server_end->withheld > least; }));
    net.loop.Await([&] { return server_end->withheld > kLarge; }, std::chrono::seconds(1));
    const size_t held = server_end->withheld;
    net.Do([&] {
      server_end->withhold = false;
      server_end->stream->Release(std::exchange(server_end->withheld, 0));
    });
    EXPECT_TRUE(flows());
    return held;
  };
  send(1000);
  ASSERT_TRUE(flows());  // and the client has said that it knows the first window
  for (int i = 0; i < 3; ++i) {
    net.Do([&] { server_end->stream->SetWindow(kSmall); });
    send(3 * kLarge);
    ASSERT_TRUE(flows()) << i;
    EXPECT_LE(held(kSmall - kSlack), kSmall);
    net.Do([&] { server_end->stream->SetWindow(kLarge); });
    send(3 * kLarge);
    ASSERT_TRUE(flows()) << i;
    EXPECT_LE(held(kLarge / 2), kLarge) << "up to half of it is returned at once";
  }
  EXPECT_FALSE(server_end->pattern_broken);
}

TEST(TransportTest, AStalledSocketStopsProductionAndLosesNothing) {
  Loopback net;
  auto client_end = net.OpenAnswered();
  auto server_end = net.accepted();
  client_end->check_pattern = true;
  // Nobody reads while one turn fills the socket's buffer and more.
  net.Do([&] { server_end->SendPattern(32 << 20); });
  EXPECT_LT(server_end->pattern_sent, 2u << 20) << "produced without room";
  ASSERT_TRUE(net.Await([&] { return client_end->pattern_received == 32 << 20; }));
  EXPECT_FALSE(client_end->pattern_broken);
}

TEST(TransportTest, ClientHalfClosesAndStillReceives) {
  Loopback net;
  auto client_end = net.OpenAnswered();
  auto server_end = net.accepted();
  net.Do([&] {
    client_end->Send("last");
    client_end->stream->Finish(absl::OkStatus());
  });
  ASSERT_TRUE(net.Await([&] { return server_end->remote_end.has_value(); }));
  EXPECT_THAT(server_end->received, ElementsAre("last"));
  EXPECT_FALSE(server_end->closed.has_value());
  net.Do([&] {
    server_end->Send("answer");
    server_end->stream->Finish(absl::OkStatus());
  });
  ASSERT_TRUE(net.Await([&] { return client_end->closed && server_end->closed; }));
  EXPECT_THAT(client_end->received, ElementsAre("answer"));
  EXPECT_THAT(*client_end->remote_end, IsOk());
  EXPECT_THAT(*client_end->closed, IsOk());
  EXPECT_THAT(*server_end->closed, IsOk());
}

TEST(TransportTest, StatusOfTheServerReachesTheClient) {
  Loopback net;
  auto client_end = net.OpenAnswered();
  auto server_end = net.accepted();
  net.Do([&] {
    server_end->Send("before the end");
    server_end->stream->Finish(absl::PermissionDeniedError("not \"paris\": 100 %\n"));
  });
  ASSERT_TRUE(net.Await([&] { return client_end->closed && server_end->closed; }));
  EXPECT_THAT(client_end->received, ElementsAre("before the end"));
  EXPECT_EQ(*client_end->remote_end, absl::PermissionDeniedError("not \"paris\": 100 %\n"));
  EXPECT_EQ(*client_end->closed, *client_end->remote_end);
  EXPECT_THAT(*server_end->closed, IsOk());
  EXPECT_EQ(net.client->stream_count(), 0u);
  EXPECT_EQ(net.server->stream_count(), 0u);
}

TEST(TransportTest, FinishBeforeHeadersIsTrailersOnly) {
  Loopback net;
  net.accept = [](const std::string&) {
    auto call = std::make_shared<TestCall>();
    call->on_open = [raw = call.get()] {
      raw->stream->Finish(absl::UnauthenticatedError("who are you"));
    };
    return call;
  };
  auto call = net.Open("/x/Y");
  ASSERT_TRUE(net.Await([&] { return call->closed.has_value(); }));
  EXPECT_FALSE(call->response.has_value());
  EXPECT_EQ(*call->remote_end, absl::UnauthenticatedError("who are you"));
}

TEST(TransportTest, UnknownMethodsAreUnimplemented) {
  Loopback net;
  net.accept = [](const std::string&) { return nullptr; };
  auto call = net.Open("/no/Such");
  ASSERT_TRUE(net.Await([&] { return call->closed.has_value(); }));
  EXPECT_THAT(*call->closed, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("/no/Such")));
}

TEST(TransportTest, CompressionIsRefused) {
  Loopback net;
  net::Metadata headers;
  headers.Add("grpc-encoding", "gzip");
  auto call = net.Open("/x/Y", headers);
  ASSERT_TRUE(net.Await([&] { return call->closed.has_value(); }));
  EXPECT_THAT(*call->closed, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("compressed")));
}

TEST(TransportTest, ResetReachesTheOtherSideAsCancelled) {
  Loopback net;
  auto client_end = net.OpenAnswered();
  auto server_end = net.accepted();
  net.Do([&] {
    client_end->stream->Reset();
    EXPECT_FALSE(client_end->closed.has_value()) << "not within the call";
  });
  ASSERT_TRUE(net.Await([&] { return client_end->closed && server_end->closed; }));
  EXPECT_THAT(*client_end->closed, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(*server_end->closed, StatusIs(absl::StatusCode::kCancelled, HasSubstr("CANCEL")));
  auto next = net.OpenAnswered();
  EXPECT_FALSE(next->closed.has_value()) << "the connection lives on";
}

TEST(TransportTest, EveryCallbackMayResetItsStream) {
  Loopback net;
  const std::vector<std::function<void(TestCall&, std::function<void()>)>> places = {
      [](TestCall& call, std::function<void()> act) { call.on_open = act; },
      [](TestCall& call, std::function<void()> act) { call.on_message = act; },
      [](TestCall& call, std::function<void()> act) { call.on_produce = act; },
      [](TestCall& call, std::function<void()> act) { call.on_remote_end = act; },
  };
  for (const auto& place : places) {
    net.accept = [&](const std::string&) {
      auto call = std::make_shared<TestCall>();
      call->on_open = [raw = call.get()] { raw->stream->SendHeaders({}); };
      place(*call, [raw = call.get()] {
        raw->stream->Reset();
        raw->stream->Reset();
        raw->stream->Wake();
        raw->stream->Finish(absl::OkStatus());
        raw->stream->SendHeaders({});
      });
      return call;
    };
    auto call = net.Open("/x/Y");
    net.Do([&] {
      call->Send("one");
      call->Send("two");
      call->stream->Finish(absl::OkStatus());
    });
    ASSERT_TRUE(net.Await([&] { return call->closed && net.accepted()->closed; }));
    EXPECT_THAT(*call->closed, StatusIs(absl::StatusCode::kCancelled));
    EXPECT_LE(net.accepted()->received.size(), 2u);
  }
  EXPECT_FALSE(net.server_closed.has_value());
}

TEST(TransportTest, AbortEndsTheConnectionAndAllStreams) {
  Loopback net;
  auto one = net.OpenAnswered();
  auto other = net.OpenAnswered();
  net.accepted()->on_message = [&] {
    net.accepted()->stream->Abort(absl::InvalidArgumentError("bad packet"));
  };
  net.Do([&] { other->Send("x"); });
  ASSERT_TRUE(net.Await([&] { return net.server_closed && net.client_closed; }));
  EXPECT_EQ(*net.server_closed, absl::InvalidArgumentError("bad packet"));
  EXPECT_THAT(*net.client_closed,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("bad packet")));
  for (const auto& call : net.accepted_calls)
    EXPECT_EQ(*call->closed, absl::InvalidArgumentError("bad packet"));
  EXPECT_FALSE(one->closed->ok());
  EXPECT_FALSE(other->closed->ok());
}

TEST(TransportTest, WhoBreaksTheProtocolIsResetAloneWhereStreamsAreStrangers) {
  Options options;
  options.spare_other_streams = true;
  Loopback net(options);
  auto one = net.OpenAnswered();
  const std::shared_ptr<TestCall> first = net.accepted();
  auto other = net.OpenAnswered();
  net.accepted()->on_message_start = [] { return absl::InvalidArgumentError("no such packet"); };
  net.Do([&] { other->Send("x"); });
  ASSERT_TRUE(net.Await([&] { return other->closed && net.accepted()->closed; }));
  EXPECT_EQ(*net.accepted()->closed, absl::InvalidArgumentError("no such packet"));
  net.Do([&] { one->Send("still here"); });
  ASSERT_TRUE(net.Await([&] { return !first->received.empty(); }));
  EXPECT_FALSE(net.server_closed.has_value());
}

TEST(TransportTest, WhoBreaksTheProtocolAgainAndAgainLosesTheConnection) {
  Options options;
  options.spare_other_streams = true;
  Loopback net(options);
  auto other = net.OpenAnswered();
  int broken = 0;
  while (!net.server_closed.has_value() && broken < 100) {
    auto call = net.OpenAnswered();
    net.accepted()->on_message_start = [] { return absl::InvalidArgumentError("no such packet"); };
    net.Do([&] { call->Send("x"); });
    ASSERT_TRUE(net.Await([&] { return call->closed.has_value(); }));
    ++broken;
  }
  EXPECT_GE(broken, 9);
  EXPECT_LE(broken, 12);
  ASSERT_TRUE(net.Await([&] { return other->closed && net.server_closed; }));
  EXPECT_THAT(*net.server_closed, StatusIs(absl::StatusCode::kResourceExhausted));
}

// As clients do whose dials met their deadlines, all of one connection at the same time.
TEST(TransportTest, CallsThatAreGivenUpAfterAWhileCostNothing) {
  Options options;
  options.abuse = {.burst = 5, .per_second = 0};
  Loopback net(options);
  std::vector<std::shared_ptr<TestCall>> calls;
  for (int i = 0; i < 20; ++i) calls.push_back(net.OpenAnswered());
  bool over = false;
  base::Timer while_open(*net.loop);
  net.Do([&] { while_open.Set(std::chrono::milliseconds(1050), [&] { over = true; }); });
  ASSERT_TRUE(net.Await([&] { return over; }));
  net.Do([&] {
    for (const auto& call : calls) call->stream->Reset();
  });
  const auto gone = [](const auto& call) { return call->closed.has_value(); };
  ASSERT_TRUE(net.Await([&] { return std::ranges::all_of(net.accepted_calls, gone); }));
  EXPECT_FALSE(net.server_closed.has_value());
  for (int i = 0; i < 20 && !net.server_closed; ++i) {
    auto call = net.OpenAnswered();
    net.Do([&] { call->stream->Reset(); });
    ASSERT_TRUE(net.Await([&] { return gone(net.accepted()) || net.server_closed.has_value(); }));
  }
  EXPECT_TRUE(net.server_closed.has_value());
}

TEST(TransportTest, NobodyLooksAtMessagesBehindTheOneThatEndedTheStream) {
  Options options;
  options.spare_other_streams = true;
  Loopback net(options);
  auto call = net.OpenAnswered();
  int started = 0;
  net.accepted()->on_message_start = [&] {
    ++started;
    return absl::InvalidArgumentError("no such packet");
  };
  net.Do([&] {
    for (int i = 0; i < 1000; ++i) call->Send("x");
  });
  ASSERT_TRUE(net.Await([&] { return call->closed.has_value(); }));
  EXPECT_EQ(started, 1);

  call = net.OpenAnswered();
  net.accepted()->on_message = [raw = net.accepted().get()] { raw->stream->Reset(); };
  net.Do([&] {
    for (int i = 0; i < 1000; ++i) call->Send("x");
  });
  ASSERT_TRUE(net.Await([&] { return call->closed.has_value(); }));
  EXPECT_EQ(net.accepted()->received.size(), 1u);
}

// Whose messages are much work has no more of the loop's time than others.
TEST(TransportTest, ATurnReadsLittleOfWhatTakesLong) {
  Options options;
  options.stream_window = 8 << 20;
  Loopback net(options);
  auto call = net.OpenAnswered();
  net.accepted()->on_message = [] { testing::Spin(std::chrono::microseconds(100)); };
  constexpr size_t kMessages = 2000;
  net.Do([&] {
    for (size_t n = 0; n < kMessages; ++n) call->Send(std::string(1000, 'x'));
  });
  uint64_t seen = net.server->counters().bytes_received, most = 0;
  ASSERT_TRUE(net.Await([&] {
    const uint64_t received = net.server->counters().bytes_received;
    if (net.accepted()->received.size() > kMessages / 2) most = std::max(most, received - seen);
    seen = received;
    return net.accepted()->received.size() == kMessages;
  }));
  // A batch of the least size or two, each of which takes half a turn or more.
  EXPECT_LE(most, 3 * ReadPace::kLeast);
}

TEST(TransportTest, OthersHaveTheirTurnsWhileAStreamEnds) {
  Loopback net;
  auto call = net.OpenAnswered();
  int left = 100, turns = 0;
  net.accepted()->end_some = [&] {
    testing::Spin(std::chrono::milliseconds(1));
    return --left == 0;
  };
  std::function<void()> take_turn = [&] {
    if (left == 0) return;
    ++turns;
    (*net.loop).Post(take_turn);
  };
  net.Do([&] {
    net.server->Close(absl::OkStatus());
    take_turn();
  });
  ASSERT_TRUE(net.Await([&] { return net.server_closed.has_value(); }));
  EXPECT_EQ(left, 0);
  EXPECT_TRUE(net.accepted()->closed.has_value());
  EXPECT_GE(turns, 99);
}

TEST(TransportTest, ADestroyedTransportEndsItsStreamsWhole) {
  Loopback net;
  auto call = net.OpenAnswered();
  int left = 100;
  net.accepted()->end_some = [&] { return --left == 0; };
  net.Do([&] { net.server.reset(); });
  EXPECT_EQ(left, 0);
  EXPECT_TRUE(net.accepted()->closed.has_value());
}

TEST(TransportTest, AnErrorOfTheHandlerEndsTheConnection) {
  Loopback net;
  auto call = net.OpenAnswered();
  net.accepted()->on_message_start = [] { return absl::DataLossError("no such packet"); };
  net.Do([&] { call->Send("x"); });
  ASSERT_TRUE(net.Await([&] { return net.server_closed.has_value(); }));
  EXPECT_EQ(*net.server_closed, absl::DataLossError("no such packet"));
}

TEST(TransportTest, CloseTellsStreamsThenTheOwnerOnce) {
  Loopback net;
  auto call = net.OpenAnswered();
  net.accepted()->on_closed = [&] { EXPECT_FALSE(net.server_closed.has_value()); };
  net.Do([&] {
    net.server->Close(absl::OkStatus());
    net.server->Close(absl::InternalError("too late"));
    EXPECT_FALSE(net.accepted()->closed.has_value());
  });
  ASSERT_TRUE(net.Await([&] { return net.server_closed && net.client_closed; }));
  EXPECT_THAT(*net.server_closed, IsOk());
  EXPECT_THAT(*net.accepted()->closed, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(*call->closed, StatusIs(absl::StatusCode::kUnavailable));
}

TEST(TransportTest, MayBeDestroyedByClosedAndWhileOpen) {
  Loopback net;
  auto call = net.OpenAnswered();
  net.Do([&] { net.server.reset(); });
  EXPECT_THAT(*net.accepted()->closed, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_FALSE(net.server_closed.has_value());
  ASSERT_TRUE(net.Await([&] { return net.client_closed.has_value(); }));
  net.client.reset();
}

TEST(TransportTest, GoAwayLetsStreamsEnd) {
  Loopback net;
  auto call = net.OpenAnswered();
  net.Do([&] { net.server->GoAway(); });
  ASSERT_TRUE(net.Await([&] { return net.client->streams_available() == 0; }));
  net.Do([&] {
    auto refused = std::make_shared<TestCall>();
    EXPECT_THAT(net.client->OpenStream("/x/Y", "host", {}, refused->Handler()),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("closing")));
    EXPECT_EQ(refused->stream, nullptr);
    call->Send("still works");
  });
  ASSERT_TRUE(net.Await([&] { return net.accepted()->received.size() == 1; }));
  net.Do([&] { net.accepted()->stream->Finish(absl::OkStatus()); });
  ASSERT_TRUE(net.Await([&] { return net.server_closed && net.client_closed; }));
  EXPECT_THAT(*call->remote_end, IsOk());
  EXPECT_THAT(*net.server_closed, IsOk());
  EXPECT_THAT(*net.client_closed, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("goaway")));
}

TEST(TransportTest, StreamsThatTheServerNeverSawAreUnavailable) {
  Loopback net;
  net.OpenAnswered();
  net.Do([&] { net.server->GoAway(); });
  auto crossing = net.Open("/x/Y");  // before the GOAWAY arrived
  ASSERT_TRUE(net.Await([&] { return crossing->closed.has_value(); }));
  EXPECT_THAT(*crossing->closed, StatusIs(absl::StatusCode::kUnavailable));
}

TEST(TransportTest, StreamsAreLimitedAndCounted) {
  Options options;
  options.max_streams = 3;
  Loopback net(options, {});
  std::vector<std::shared_ptr<TestCall>> calls;
  calls.push_back(net.OpenAnswered());
  EXPECT_EQ(net.client->streams_available(), 2u);
  calls.push_back(net.OpenAnswered());
  calls.push_back(net.OpenAnswered());
  EXPECT_EQ(net.client->stream_count(), 3u);
  net.Do([&] {
    EXPECT_THAT(net.client->OpenStream("/x/Y", "h", {}, std::make_shared<TestCall>()->Handler()),
                StatusIs(absl::StatusCode::kResourceExhausted));
    calls.front()->stream->Reset();
  });
  ASSERT_TRUE(net.Await([&] { return net.server->stream_count() == 2; }));
  net.OpenAnswered();
  EXPECT_EQ(net.server->counters().streams, 4u);
}

TEST(TransportTest, ManyStreamsShareTheConnectionFairly) {
  Options options;
  options.max_streams = 200;
  Loopback net(options, {});
  std::vector<std::shared_ptr<TestCall>> calls;
  for (int i = 0; i < 200; ++i) {
    calls.push_back(net.OpenAnswered());
    calls.back()->check_pattern = true;
  }
  constexpr uint64_t kBytes = 256 * 1024;
  net.Do([&] {
    for (const auto& call : net.accepted_calls) call->SendPattern(kBytes);
  });
  ASSERT_TRUE(net.Await([&] { return calls.back()->pattern_received > 0; }));
  EXPECT_LT(calls.front()->pattern_received, kBytes) << "served to its end before the last began";
  ASSERT_TRUE(net.Await([&] {
    for (const auto& call : calls)
      if (call->pattern_received < kBytes) return false;
    return true;
  }));
  for (const auto& call : calls) EXPECT_FALSE(call->pattern_broken);
}

TEST(TransportTest, DeadlineEndsTheCall) {
  Loopback net;
  net::Metadata headers;
  headers.Add("grpc-timeout", "20m");
  auto call = net.Open("/x/Y", headers);
  ASSERT_TRUE(net.Await([&] { return call->closed && net.accepted()->closed; }));
  EXPECT_THAT(*call->remote_end, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(*net.accepted()->closed, StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST(TransportTest, DeadlineEndsACallThatCannotSend) {
  Options client_options;
  client_options.stream_window = 10'000;
  Loopback net({}, client_options);
  net::Metadata headers;
  headers.Add("grpc-timeout", "50m");
  auto call = std::make_shared<TestCall>();
  call->withhold = true;
  net.Open("/x/Y", headers, call);
  ASSERT_TRUE(net.Await([&] { return call->response.has_value(); }));
  net.Do([&] { net.accepted()->SendPattern(1 << 20); });
  ASSERT_TRUE(net.Await([&] { return call->closed && net.accepted()->closed; }));
  EXPECT_THAT(*net.accepted()->closed, StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST(TransportTest, MalformedTimeoutIsRefused) {
  Loopback net;
  net::Metadata headers;
  headers.Add("grpc-timeout", "soon");
  auto call = net.Open("/x/Y", headers);
  ASSERT_TRUE(net.Await([&] { return call->closed.has_value(); }));
  EXPECT_THAT(*call->closed, StatusIs(absl::StatusCode::kInternal, HasSubstr("grpc-timeout")));
}

TEST(TransportTest, ServersKnowTheRoundTripEarlyClientsOnRequest) {
  Options client_options;
  client_options.keepalive = base::Duration::zero();
  Loopback net({}, client_options);
  ASSERT_TRUE(net.Await([&] { return net.server->RoundTrip() > 0s; }));
  net.OpenAnswered();
  EXPECT_EQ(net.client->RoundTrip(), 0s);
  net.Do([&] { net.client->SetKeepalive(1h); });
  ASSERT_TRUE(net.Await([&] { return net.client->RoundTrip() > 0s; }));
}

TEST(TransportTest, KeepalivePingsKeepAnIdleConnection) {
  Options options;
  options.keepalive = 1ms;
  Loopback net(options, options);
  ASSERT_TRUE(net.Await([&] { return net.server->counters().frames_charged > 20; }));
  EXPECT_FALSE(net.server_closed.has_value());
  net.Do([&] { net.client->SetKeepalive(0s); });
}

TEST(TransportTest, KeepaliveGivesUpOnASilentPeer) {
  TestLoop loop;
  const auto [ours, peers] = SocketPair();
  Options options;
  options.keepalive = 5ms;
  options.keepalive_timeout = 20ms;
  std::optional<absl::Status> closed;
  auto transport = Transport::Client(net::MakePlainSocket(*loop, ours), options,
                                     [&](const absl::Status& why) { closed = why; });
  auto call = std::make_shared<TestCall>();
  loop.Do([&] { EXPECT_THAT(transport->OpenStream("/x/Y", "host", {}, call->Handler()), IsOk()); });
  ASSERT_TRUE(loop.Await([&] { return closed.has_value(); }));
  EXPECT_EQ(*closed, absl::UnavailableError("keepalive: no answer to ping within 0.02s"));
  EXPECT_EQ(*call->closed, *closed);
  ::close(peers);
}

TEST(TransportTest, APeerWithoutPrefaceIsCutOff) {
  TestLoop loop;
  const auto [ours, peers] = SocketPair();
  Options options;
  options.preface_deadline = 10ms;
  std::optional<absl::Status> closed;
  auto transport = Transport::Server(
      net::MakePlainSocket(*loop, ours), options,
      [](const std::string&, const net::Metadata&) { return nullptr; },
      [&](const absl::Status& why) { closed = why; });
  ASSERT_TRUE(loop.Await([&] { return closed.has_value(); }));
  EXPECT_THAT(*closed, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("preface")));
  ::close(peers);
}

TEST(TransportTest, ALostPeerIsUnavailable) {
  Loopback net;
  auto call = net.OpenAnswered();
  net.Do([&] { net.server->socket().Close(); });
  ASSERT_TRUE(net.Await([&] { return net.client_closed.has_value(); }));
  EXPECT_THAT(*net.client_closed, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(*call->closed, StatusIs(absl::StatusCode::kUnavailable));
  net.Do([&] {
    EXPECT_THAT(net.client->OpenStream("/x/Y", "h", {}, std::make_shared<TestCall>()->Handler()),
                StatusIs(absl::StatusCode::kUnavailable));
  });
}

}  // namespace
}  // namespace hawser::h2
