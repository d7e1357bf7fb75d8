// Dials whose client or agent leaves while they are between two loops: what the counters say, and
// that nothing is left behind. Each shard's loop runs only when the test says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "hub/agent_session.h"
#include "hub/grpc_front.h"
#include "hub/metrics.h"
#include "hub/snapshot.h"
#include "lib/testing/loopback.h"
#include "lib/testing/manual_scheduler.h"
#include "lib/testing/stream_pair.h"
#include "lib/tunnel/dialed_session.h"
#include "lib/tunnel/dialing_session.h"

namespace hawser::hub {
namespace {

using ::testing::HasSubstr;
using testing::RunReady;
using tunnel::Failure;
using tunnel::Pulled;
using tunnel::Reason;

class SilentEndpoint : public tunnel::Endpoint {
 public:
  void OnOpen(tunnel::Connection&) override {}
  Pulled Pull(std::span<uint8_t>) override { return {Pulled::kDrained}; }
  void Deliver(std::span<const uint8_t>) override {}
  void DeliverEnd() override {}
  void OnClosed(const Failure*) override { closed = true; }
  tunnel::Presence Look() override { return tunnel::Presence::kHere; }

  bool closed = false;
};

// Answers when told to.
class Agent : public tunnel::DialedSession {
 public:
  Agent() : DialedSession({}) {}
  void OnDial(Request request) override { asked = request.dial_id; }
  void OnDialCancelled(int64_t) override {}
  void Accept() { AcceptDial(*asked, target); }

  std::optional<int64_t> asked;
  const std::shared_ptr<SilentEndpoint> target = std::make_shared<SilentEndpoint>();
};

class DialRaceTest : public ::testing::Test {
 protected:
  DialRaceTest() {
    for (int i = 0; i < 2; ++i) shards_.push_back(std::make_unique<Shard>());
    auto agent = std::make_unique<Agent>();
    agent_ = agent.get();
    auto session = std::make_unique<AgentSession>(tunnel::SessionOptions{},
                                                  ServerIdentity{"hub-1", 1}, AgentIdentity{},
                                                  net::PeerInfo{}, registry_, agents_shard(), log_);
    session_ = session.get();
    agent_stream_.Connect(std::move(agent), std::move(session), {});
    auto client = std::make_unique<tunnel::DialingSession>(tunnel::SessionOptions{});
    client_ = client.get();
    client_stream_.Connect(std::move(client),
                           std::make_unique<FrontSession>(
                               tunnel::SessionOptions{.one_connection = true},
                               FrontSession::Client{.identity = "alice"},
                               FrontSession::Timeouts{.first_dial = std::chrono::seconds(10),
                                                      .dial = std::chrono::seconds(10)},
                               registry_, clients_shard(), log_),
                           {});
    agent_stream_.Run();
    client_stream_.Run();
  }

  Shard& clients_shard() { return *shards_[0]; }
  Shard& agents_shard() { return *shards_[1]; }

  // Up to the post that takes the dial to the agent's loop.
  void Dial() {
    client_->StartDial({"web:80", "", std::chrono::seconds(10)}, std::make_shared<SilentEndpoint>(),
                       [this](const Failure* failure) {
                         if (failure != nullptr) failure_ = *failure;
                       });
    client_stream_.Run();
  }
  std::string Metrics() {
    return MetricsText({.snapshot = TakeSnapshot(shards_),
                        .registry = registry_,
                        .limits = limits_,
                        .credentials = credentials_,
                        .handshakes = {},
                        .leases = nullptr,
                        .memory = memory_,
                        .connection_memory = memory_,
                        .pages = {},
                        .certificates = {}});
  }

  Shards shards_;
  SessionRegistry registry_{{tunnel::Strategy::kDefault}, {}, {.pending_dials = 10}};
  ConnectionLimits limits_{{}};
  MemoryShares memory_{{}};
  Credentials credentials_{DenyList()};
  base::KeyedLogLimit log_;
  std::optional<Failure> failure_;  // of the dial; the end of a stream may tell one yet
  testing::ManualScheduler scheduler_;
  testing::StreamPair agent_stream_{scheduler_};
  testing::StreamPair client_stream_{scheduler_};
  Agent* agent_;
  AgentSession* session_;  // the hub's end of the agent's stream
  tunnel::DialingSession* client_;
};

TEST_F(DialRaceTest, TheClientLeavesBeforeItCouldBeToldOfItsConnection) {
  Dial();
  RunReady(agents_shard().loop());
  agent_stream_.Run();
  agent_->Accept();
  agent_stream_.Run();  // the answer is on its way to the client's loop
  client_stream_.Lose(absl::UnavailableError("connection reset by peer"));
  RunReady(clients_shard().loop());
  EXPECT_THAT(Metrics(), HasSubstr("konnectivity_network_proxy_server_dial_failure_count{"
                                   "reason=\"send_rsp\"} 1\n"));
  EXPECT_THAT(Metrics(), HasSubstr("konnectivity_network_proxy_server_stream_errors_total{"
                                   "segment=\"to_client\",code=\"Canceled\","
                                   "packet_type=\"DIAL_RSP\"} 1\n"));
  EXPECT_THAT(Metrics(), HasSubstr("konnectivity_network_proxy_server_stream_errors_total{"
                                   "segment=\"from_client\",code=\"Unavailable\","
                                   "packet_type=\"Unknown\"} 1\n"));
  // What was opened is closed.
  RunReady(agents_shard().loop());
  agent_stream_.Run();
  EXPECT_TRUE(agent_->target->closed);
  EXPECT_EQ(registry_.pending_dials(), 0u);
}

TEST_F(DialRaceTest, TheAgentLeavesBeforeItCouldBeAsked) {
  Dial();
  agent_stream_.Lose(absl::UnavailableError("connection reset by peer"));
  RunReady(agents_shard().loop());
  RunReady(clients_shard().loop());
  client_stream_.Run();
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->text, "the agent's session has just ended");
  EXPECT_THAT(Metrics(), HasSubstr("konnectivity_network_proxy_server_stream_errors_total{"
                                   "segment=\"to_agent\",code=\"Unavailable\","
                                   "packet_type=\"DIAL_REQ\"} 1\n"));
  EXPECT_THAT(Metrics(), HasSubstr("konnectivity_network_proxy_server_dial_failure_count{"
                                   "reason=\"backend_close\"} 1\n"));
  EXPECT_EQ(registry_.pending_dials(), 0u);
}

// What a lost session keeps ends in several turns. Until the last it counts, but is not asked.
TEST_F(DialRaceTest, TheAgentIsLostAndStillEndsWhatItKept) {
  Dial();
  const absl::Status lost = absl::UnavailableError("connection reset by peer");
  session_->EndSome(lost);
  RunReady(agents_shard().loop());
  agent_stream_.Run();
  EXPECT_EQ(agent_->asked, std::nullopt);
  EXPECT_THAT(Metrics(), HasSubstr("konnectivity_network_proxy_server_stream_errors_total{"
                                   "segment=\"from_agent\",code=\"Unavailable\","
                                   "packet_type=\"Unknown\"} 1\n"));
  agent_stream_.Lose(lost);
  RunReady(clients_shard().loop());
  client_stream_.Run();
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->text, "the agent's session has just ended");
  EXPECT_THAT(Metrics(), HasSubstr("konnectivity_network_proxy_server_stream_errors_total{"
                                   "segment=\"from_agent\",code=\"Unavailable\","
                                   "packet_type=\"Unknown\"} 1\n"))
      << "counted once";
  EXPECT_EQ(registry_.pending_dials(), 0u);
}

// From the moment at which its end is known the counters of what it did stay.
TEST_F(DialRaceTest, ALostAgentsPacketsAreCountedOnceThroughout) {
  const std::string asked =
      "konnectivity_network_proxy_server_stream_packets_total{"
      "segment=\"to_agent\",packet_type=\"DIAL_REQ\"} 1\n";
  Dial();
  RunReady(agents_shard().loop());
  agent_stream_.Run();
  EXPECT_THAT(Metrics(), HasSubstr(asked));
  const absl::Status lost = absl::UnavailableError("connection reset by peer");
  session_->EndSome(lost);
  EXPECT_THAT(Metrics(), HasSubstr(asked));
  agent_stream_.Lose(lost);
  EXPECT_THAT(Metrics(), HasSubstr(asked));
}

}  // namespace
}  // namespace hawser::hub
