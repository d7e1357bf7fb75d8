// A client's stream and an agent's session over in-memory streams, joined by a relay: on one
// scheduler, and on two.
#include "hub/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "lib/testing/manual_scheduler.h"
#include "lib/testing/stream_pair.h"
#include "lib/tunnel/dialed_session.h"
#include "lib/tunnel/dialing_session.h"

namespace hawser::hub {
namespace {

using ::testing::Values;
using tunnel::Failure;
using tunnel::Hop;
using tunnel::Pulled;
using tunnel::Reason;

// The client's or the target's side: sends and receives what the test wants.
class Peer : public tunnel::Endpoint {
 public:
  void OnOpen(tunnel::Connection& connection) override {
    connection_ = &connection;
    connection.Ready();
  }
  Pulled Pull(std::span<uint8_t> space) override {
    const size_t take = std::min(space.size(), to_send_.size());
    std::copy_n(to_send_.begin(), take, space.begin());
    to_send_.erase(0, take);
    if (take > 0) return {Pulled::kBytes, take};
    return {finished_ ? Pulled::kEnd : Pulled::kDrained};
  }
  void Deliver(std::span<const uint8_t> bytes) override {
    received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    held_ += bytes.size();
    if (!stalled) Take();
  }
  void DeliverEnd() override { got_end = true; }
  void OnClosed(const Failure* why) override {
    connection_ = nullptr;
    closed = true;
    if (why != nullptr) failure = *why;
  }
  tunnel::Presence Look() override { return tunnel::Presence::kHere; }

  void Send(const std::string& bytes) {
    to_send_ += bytes;
    connection_->Ready();
  }
  void Finish() {
    finished_ = true;
    connection_->Ready();
  }
  void Take() { connection_->Delivered(std::exchange(held_, 0)); }
  tunnel::Connection& connection() { return *connection_; }
  bool open() const { return connection_ != nullptr; }

  std::string received;
  bool got_end = false, closed = false, stalled = false;
  std::optional<Failure> failure;

 private:
  tunnel::Connection* connection_ = nullptr;
  std::string to_send_;
  bool finished_ = false;
  size_t held_ = 0;
};

// Accepts a dial with the endpoint that the test provides.
class Accepting : public tunnel::DialedSession {
 public:
  using DialedSession::DialedSession;
  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override {
    DialedSession::OnOpen(stream, headers);
    if (headers.entries().empty()) return;  // this is the stream's client
    net::Metadata answer;
    AnswerFeatures(answer);
    stream.SendHeaders(answer);
  }
  void OnDial(Request request) override { AcceptDial(request.dial_id, std::move(endpoint)); }
  void OnDialCancelled(int64_t) override {}

  std::shared_ptr<tunnel::Endpoint> endpoint;
};

class Dialling : public tunnel::DialingSession {
 public:
  using DialingSession::DialingSession;
  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override {
    DialingSession::OnOpen(stream, headers);
    if (headers.entries().empty()) return;  // this is the stream's client
    net::Metadata answer;
    AnswerFeatures(answer);
    stream.SendHeaders(answer);
  }
};

constexpr int64_t kWindow = 64 * 1024;
// What is charged is what the queue takes, and its last block is not full.
constexpr int64_t kBlock = 16 * 1024;
const tunnel::SessionOptions kSession{.first_window = kWindow, .max_window = kWindow};
const tunnel::SessionOptions kFront{.one_connection = true};

// Param: whether both sessions live on one scheduler.
class RelayTest : public ::testing::TestWithParam<bool> {
 protected:
  RelayTest() : client_stream_(client_loop_), agent_stream_(agent_loop()) {
    auto client = std::make_unique<Dialling>(kFront);
    auto front = std::make_unique<Accepting>(kFront);
    client_session_ = client.get();
    front_ = front.get();
    net::Metadata offer;
    client->OfferFeatures(offer);
    client_stream_.Connect(std::move(client), std::move(front), offer);

    // On the agent's stream the hub is the server.
    auto agent = std::make_unique<Accepting>(kSession);
    auto hub = std::make_unique<Dialling>(kSession);
    agent_ = agent.get();
    hub_session_ = hub.get();
    net::Metadata agent_offer;
    agent->OfferFeatures(agent_offer);
    agent_stream_.Connect(std::move(agent), std::move(hub), agent_offer);
    Run();
  }
  ~RelayTest() override {
    client_stream_.Lose(absl::CancelledError("test is over"));
    agent_stream_.Lose(absl::CancelledError("test is over"));
    Run();
    EXPECT_EQ(memory_->used(), 0);
  }

  // Opens the agent's side of the relay; returns the target.
  std::shared_ptr<Peer> OpenTarget(Relay& relay) {
    auto target = std::make_shared<Peer>();
    agent_->endpoint = target;
    hub_session_->StartDial({"web:80", "", std::chrono::seconds(10)}, std::move(relay.agent),
                            [](const Failure* failure) { EXPECT_EQ(failure, nullptr); });
    Run();
    return target;
  }
  std::shared_ptr<Peer> OpenClient(Relay& relay) {
    auto client = std::make_shared<Peer>();
    front_->endpoint = std::move(relay.client);
    client_session_->StartDial({"web.paris:80", "", std::chrono::seconds(10)}, client,
                               [](const Failure* failure) { EXPECT_EQ(failure, nullptr); });
    Run();
    return client;
  }

  testing::ManualScheduler& agent_loop() { return GetParam() ? client_loop_ : other_loop_; }

  void Run() {
    do {
      client_stream_.Run();
      agent_stream_.Run();
    } while (client_stream_.Step() || agent_stream_.Step() || client_loop_.has_posted() ||
             agent_loop().has_posted());
  }

  testing::ManualScheduler client_loop_, other_loop_;
  testing::StreamPair client_stream_, agent_stream_;
  const std::shared_ptr<tunnel::MemoryBudget> memory_ =
      std::make_shared<tunnel::MemoryBudget>(1024 * 1024);
  Dialling* client_session_;
  Accepting* front_;
  Dialling* hub_session_;
  Accepting* agent_;
};

// A relay with both sides open.
class OpenRelayTest : public RelayTest {
 protected:
  OpenRelayTest() {
    Relay relay = MakeRelay(client_loop_, agent_loop(), memory_);
    target_ = OpenTarget(relay);
    client_ = OpenClient(relay);
  }

  std::shared_ptr<Peer> client_;
  std::shared_ptr<Peer> target_;
};

std::string SchedulerCount(const ::testing::TestParamInfo<bool>& info) {
  return info.param ? "One" : "Two";
}
INSTANTIATE_TEST_SUITE_P(Schedulers, RelayTest, Values(true, false), SchedulerCount);
INSTANTIATE_TEST_SUITE_P(Schedulers, OpenRelayTest, Values(true, false), SchedulerCount);

std::string Pattern(size_t size, int seed) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251 + seed);
  return bytes;
}

TEST_P(RelayTest, EarlyBytesGoAheadOfAllOthers) {
  Relay relay = MakeRelay(client_loop_, agent_loop(), memory_, "early and ");
  const auto target = OpenTarget(relay);
  EXPECT_EQ(target->received, "early and ");
  const auto client = OpenClient(relay);
  client->Send("late");
  Run();
  EXPECT_EQ(target->received, "early and late");
}

TEST_P(OpenRelayTest, CarriesBytesBothWays) {
  const std::string up = Pattern(3'000'000, 1), down = Pattern(2'000'000, 2);
  client_->Send(up);
  target_->Send(down);
  Run();
  EXPECT_EQ(target_->received, up);
  EXPECT_EQ(client_->received, down);
  EXPECT_EQ(memory_->used(), 0);
}

TEST_P(RelayTest, TargetMaySpeakBeforeTheClientIsOpen) {
  Relay relay = MakeRelay(client_loop_, agent_loop(), memory_);
  const auto target = OpenTarget(relay);
  target->Send("greeting");
  Run();
  const auto client = OpenClient(relay);
  Run();
  EXPECT_EQ(client->received, "greeting");
}

TEST_P(RelayTest, ClientThatGaveUpBeforeItOpenedLeavesNothing) {
  Relay relay = MakeRelay(client_loop_, agent_loop(), memory_);
  const auto target = OpenTarget(relay);
  target->Send("greeting");
  Run();
  const Failure cancelled{Reason::kCancelled, Hop::kClient, "gave up"};
  relay.client->OnClosed(&cancelled);
  Run();
  EXPECT_TRUE(target->closed);
}

TEST_P(OpenRelayTest, HalfCloseTravelsBehindTheBytes) {
  client_->Send(Pattern(500'000, 3));
  client_->Finish();
  Run();
  EXPECT_EQ(target_->received.size(), 500'000);
  EXPECT_TRUE(target_->got_end);
  ASSERT_TRUE(client_->open());
  target_->Send("answer");
  Run();
  EXPECT_EQ(client_->received, "answer");
  target_->Finish();
  Run();
  EXPECT_TRUE(client_->closed);
  EXPECT_TRUE(target_->closed);
  EXPECT_EQ(client_->failure, std::nullopt);
  EXPECT_EQ(target_->failure, std::nullopt);
}

TEST_P(OpenRelayTest, OrderlyCloseLosesNoByte) {
  const std::string down = Pattern(kWindow / 2, 4);
  client_stream_.pause_server(true);  // the client's HTTP/2 stream takes nothing
  target_->Send(down);
  Run();
  target_->connection().Close();
  Run();
  EXPECT_TRUE(target_->closed);
  client_stream_.pause_server(false);
  Run();
  EXPECT_EQ(client_->received, down);
  EXPECT_TRUE(client_->closed);
  EXPECT_EQ(client_->failure, std::nullopt);
}

TEST_P(OpenRelayTest, OrderlyCloseAfterHalfCloseEndsBothSides) {
  client_->Finish();
  Run();
  EXPECT_TRUE(target_->got_end);
  client_->connection().Close();
  Run();
  EXPECT_TRUE(target_->closed);
  EXPECT_EQ(target_->failure, std::nullopt);
}

TEST_P(OpenRelayTest, FailuresTravelBothWays) {
  target_->connection().Close({Reason::kReset, Hop::kTarget, "connection reset by peer"});
  Run();
  ASSERT_TRUE(client_->failure);
  EXPECT_EQ(client_->failure->reason, Reason::kReset);
  EXPECT_EQ(client_->failure->hop, Hop::kTarget);
}

TEST_P(OpenRelayTest, ClientsFailureReachesTheTarget) {
  client_->connection().Close({Reason::kReset, Hop::kClient, "connection reset by peer"});
  Run();
  ASSERT_TRUE(target_->failure);
  EXPECT_EQ(target_->failure->reason, Reason::kReset);
}

TEST_P(OpenRelayTest, LostAgentIsAFailureForTheClient) {
  agent_stream_.Lose(absl::UnavailableError("gone"));
  Run();
  ASSERT_TRUE(client_->failure);
  EXPECT_EQ(client_->failure->reason, Reason::kAgentLost);
}

TEST_P(OpenRelayTest, LostClientClosesTheTarget) {
  client_stream_.Lose(absl::UnavailableError("gone"));
  Run();
  EXPECT_TRUE(target_->closed);
}

TEST_P(OpenRelayTest, StalledTargetHoldsTheClientBackWithinTheWindows) {
  target_->stalled = true;
  client_stream_.set_withhold_limit(kWindow);
  client_->Send(Pattern(4'000'000, 6));
  Run();
  EXPECT_GT(target_->received.size(), kWindow / 2);
  EXPECT_LE(target_->received.size(), kWindow);
  // What waits in the relay is at most what the client's stream window let through.
  EXPECT_GT(memory_->used(), 0);
  EXPECT_LE(memory_->used(), 2 * (kWindow + kBlock));
  target_->stalled = false;
  target_->Take();
  Run();
  EXPECT_EQ(target_->received.size(), 4'000'000);
}

TEST_P(OpenRelayTest, StalledClientHoldsTheTargetBackByItsWindow) {
  client_stream_.pause_server(true);  // the client's HTTP/2 stream takes nothing
  target_->Send(Pattern(4'000'000, 7));
  Run();
  EXPECT_LE(memory_->used(), kWindow + kBlock);
  client_stream_.pause_server(false);
  Run();
  EXPECT_EQ(client_->received.size(), 4'000'000);
}

}  // namespace
}  // namespace hawser::hub
