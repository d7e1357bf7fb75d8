// The agent as it is, on a thread of its own, between a fake hub and targets on loopback.
#include "spoke/agent.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "lib/net/listener.h"
#include "lib/net/socket.h"
#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"
#include "spoke/agent_fixture.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::LoopbackPeer;
using ::hawser::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using tunnel::Hop;
using tunnel::Reason;

std::string Pattern(size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  for (char& c : bytes) {
    seed = seed * 1664525 + 1013904223;
    c = static_cast<char>(seed >> 24);
  }
  return bytes;
}

TEST_F(AgentTest, IntroducesItself) {
  const net::Metadata& request = Connect().request();
  EXPECT_EQ(request.Get("agentid"), "agent-1");
  EXPECT_EQ(request.Get("agentidentifiers"), "host=paris");
  EXPECT_EQ(request.Get("hawser-features"), "demand,early,fin,reason,window");
}

TEST_F(AgentTest, FollowsItsConfigurationFile) {
  options_.config_file = ::testing::TempDir() + "/agent.yaml";
  ASSERT_TRUE(options_.command_line_names.Add("fixed", "127.0.0.1").ok());
  options_.names.table = options_.command_line_names;
  const auto write = [&](const std::string& text) {
    std::ofstream(options_.config_file + ".next") << text;
    std::filesystem::rename(options_.config_file + ".next", options_.config_file);
  };
  // The file is taken as read.
  write("");
  Connect();
  Target target(loop_);
  const auto [dialed, peer] = Open(target);

  const auto reload = [&](const std::string& text) {
    write(text);
    agent_->Reload();
    Health("/healthz");  // behind the reload, on the same loop
  };
  reload(
      "allow:\n  - hosts: [web, fixed]\n    cidrs: [127.0.0.0/8]\n"
      "resolve:\n  web: 127.0.0.1\n  fixed: 127.0.0.2");
  EXPECT_EQ(FailedDial(target.address()).reason, Reason::kPolicyDenied);
  EXPECT_FALSE(Dial("web:" + target.port())->failure);
  EXPECT_FALSE(Dial("fixed:" + target.port())->failure) << "the command line goes first";

  reload("allow: nonsense");
  EXPECT_FALSE(Dial("web:" + target.port())->failure) << "what was read before stays";
  std::filesystem::remove(options_.config_file);
  agent_->Reload();
  Health("/healthz");
  EXPECT_FALSE(Dial("web:" + target.port())->failure);

  reload("resolve:\n  web: 127.0.0.9");
  EXPECT_FALSE(Dial(target.address())->failure);
  EXPECT_EQ(FailedDial("web:" + target.port()).reason, Reason::kRefused);
  dialed->client->Send("still here");
  Await([&, peer = peer] { return peer->received() == "still here"; });
}

TEST_F(AgentTest, CarriesBytesBothWays) {
  Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  dialled->client->Send("question");
  Await([&, peer = peer] { return peer->received() == "question"; });
  peer->Send("answer");
  Await([&, client = dialled->client.get()] { return client->received() == "answer"; });
}

TEST_F(AgentTest, HalfClosesBothWays) {
  Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  LoopbackPeer& client = *dialled->client;
  client.Send("all I have");
  client.Finish();
  Await([&, peer = peer] { return peer->ended(); });
  EXPECT_EQ(peer->received(), "all I have");
  EXPECT_FALSE(client.ended());
  peer->Send("still here");
  peer->Finish();
  Await([&] { return client.ended(); });
  EXPECT_EQ(client.received(), "still here");
  Await([&] { return hub_.sessions().front()->connection_count() == 0; });
}

TEST_F(AgentTest, ATargetMayFinishFirst) {
  Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  LoopbackPeer& client = *dialled->client;
  peer->Finish();
  Await([&] { return client.ended(); });
  client.Send("late");
  client.Finish();
  Await([&, peer = peer] { return peer->ended(); });
  EXPECT_EQ(peer->received(), "late");
}

TEST_F(AgentTest, AResetTargetResetsTheClient) {
  Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  peer->socket().Abort();
  Await([&, client = dialled->client.get()] { return client->ended(); });
  Await([&] { return hub_.sessions().front()->connection_count() == 0; });
}

TEST_F(AgentTest, TwentyMebibytesEachWayArriveIntact) {
  Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  LoopbackPeer& client = *dialled->client;
  const std::string up = Pattern(20 << 20, 1);
  const std::string down = Pattern(20 << 20, 2);
  client.Send(up);
  client.Finish();
  peer->Send(down);
  peer->Finish();
  Await([&, peer = peer] { return client.ended() && peer->ended(); });
  EXPECT_TRUE(peer->received() == up);
  EXPECT_TRUE(client.received() == down);
}

TEST_F(AgentTest, TellsWhyADialFailed) {
  options_.allow_list = *AllowList::Make({{.cidrs = {"127.0.0.1"}}});
  ASSERT_THAT(options_.names.table.Add("elsewhere", "127.0.0.2"), testing::IsOk());
  Connect();
  uint16_t closed_port;
  {
    const auto listener = net::Listener::Tcp(loop_, *net::BindEndpoint("127.0.0.1", 0));
    closed_port = (*listener)->port();
  }
  const std::string closed = "127.0.0.1:" + std::to_string(closed_port);
  EXPECT_EQ(FailedDial(closed),
            (tunnel::Failure{Reason::kRefused, Hop::kTarget,
                             "dial tcp " + closed + ": connect: connection refused"}));
  EXPECT_EQ(FailedDial("elsewhere.paris:80"),
            (tunnel::Failure{Reason::kPolicyDenied, Hop::kAgent,
                             "dial tcp 127.0.0.2:80: not allowed by the agent"}));
  // A label that DNS cannot carry is not even asked for.
  const std::string nope(64, 'a');
  EXPECT_EQ(FailedDial(nope + ":80"),
            (tunnel::Failure{Reason::kNameNotFound, Hop::kAgent,
                             "dial tcp: lookup " + nope + ": no such host"}));
  const tunnel::Failure malformed = FailedDial("no port");
  EXPECT_EQ(malformed.reason, Reason::kProtocolError);
  EXPECT_THAT(malformed.text, HasSubstr("\"no port\""));

  const std::string metrics = Admin("/metrics");
  EXPECT_THAT(metrics, HasSubstr("hawser_dial_failures_total{reason=\"refused\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("hawser_dial_failures_total{reason=\"policy_denied\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("konnectivity_network_proxy_agent_endpoint_dial_failure_total"
                                 "{reason=\"unknown\"} 4"));
}

TEST_F(AgentTest, StripsItsOwnNameAndUsesItsTable) {
  Target web(loop_), api(loop_);
  ASSERT_THAT(options_.names.table.Add("web.default.svc", web.address()), testing::IsOk());
  ASSERT_THAT(options_.names.table.Add("kubernetes.default.svc", api.address()), testing::IsOk());
  Connect();
  EXPECT_FALSE(Dial("web.default.svc.paris:80")->failure);
  Await([&] { return web.peers.size() == 1; });
  EXPECT_FALSE(Dial("paris:6443")->failure);
  Await([&] { return api.peers.size() == 1; });
  EXPECT_FALSE(Dial("127-0-0-1.ip.paris:" + web.port())->failure);
  Await([&] { return web.peers.size() == 2; });
}

TEST_F(AgentTest, AClientLeavesDescriptorsToOthers) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 40;  // 12 for one client, four of them for the dial that is pending
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  Start();  // looks at the limit
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  Await([this] { return hub_.sessions().size() == 1; });
  Target target(loop_);
  const auto dial = [&](const char* client) {
    auto dialled = hub_.Dial(*hub_.sessions().front(), target.address(), client);
    Await([&] { return dialled->done; });
    return dialled;
  };
  std::vector<std::shared_ptr<FakeHub::Dialled>> anns;
  for (int i = 0; i < 9; ++i) {
    anns.push_back(dial("client/ann"));
    ASSERT_EQ(anns.back()->failure, std::nullopt) << i;
  }
  EXPECT_EQ(dial("client/ann")->failure,
            (tunnel::Failure{
                Reason::kOverloaded, Hop::kAgent,
                "this client holds as many of the agent's descriptors as it may (ulimit -n)"}));
  EXPECT_THAT(Admin("/metrics"),
              HasSubstr("hawser_refusals_total{resource=\"descriptors\",limit=\"identity\"} 1"));
  EXPECT_EQ(dial("client/bob")->failure, std::nullopt);
  anns.clear();
  // They come back when the targets have what was sent.
  Await([&] {
    loop_.Post([] {});  // look again
    return Admin("/metrics").find("resource=\"descriptors\"} 0\n") != std::string::npos;
  });
  EXPECT_EQ(dial("client/ann")->failure, std::nullopt);
}

TEST_F(AgentTest, ADialTimesOut) {
  options_.dial_timeout = milliseconds(50);
  UnansweringTarget target;
  Connect();
  EXPECT_EQ(FailedDial(target.address()),
            (tunnel::Failure{Reason::kTimedOut, Hop::kTarget,
                             "dial tcp " + target.address() + ": i/o timeout"}));
  EXPECT_THAT(Admin("/metrics"), HasSubstr("endpoint_dial_failure_total{reason=\"timeout\"} 1"));
}

TEST_F(AgentTest, ACancelledDialLeavesNothingBehind) {
  UnansweringTarget silent;
  Target target(loop_);
  FakeHub::Session& session = Connect();
  const auto dialled = hub_.Dial(session, silent.address());
  session.CancelDial(dialled->id);
  EXPECT_FALSE(Dial(target.address())->failure);  // behind the cancellation
  EXPECT_FALSE(dialled->done);
  EXPECT_THAT(Admin("/metrics"), HasSubstr("hawser_dial_failures_total{reason=\"cancelled\"} 1"));
}

TEST_F(AgentTest, ComesBackWhenTheHubDoes) {
  Connect();
  for (int outage = 0; outage < 3; ++outage) {
    hub_.Stop();
    AwaitUnready("[-]server at 127.0.0.1:");
    hub_.Listen();
    Await([&] { return hub_.sessions().size() == 1; });
  }
}

TEST_F(AgentTest, LosingTheHubEndsConnectionsAndReadiness) {
  Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  EXPECT_THAT(Health("/readyz"), HasSubstr("200 OK"));
  EXPECT_THAT(Health("/readyz?verbose"), HasSubstr("[+]server hub at 127.0.0.1:"));
  EXPECT_THAT(Debug("/debug/connections"), HasSubstr("\"server\": \"hub\""));
  EXPECT_THAT(Admin("/debug/connections"), HasSubstr(" 404 ")) << "not for all who reach a port";
  hub_.Stop();
  Await([&, peer = peer] { return peer->ended(); });
  AwaitUnready("[-]server at 127.0.0.1:");
  EXPECT_THAT(Health("/healthz"), HasSubstr("200 OK"));
}

TEST_F(AgentTest, LinksToTwoServersDoNotDisturbEachOther) {
  FakeHub second(loop_, certificates_.HubAgentPort(), {.id = "hub-2"});
  second.Listen();
  options_.servers = {{"127.0.0.1", hub_.port()}, {"localhost", second.port()}};
  Start();
  Await([&] { return hub_.sessions().size() == 1 && second.sessions().size() == 1; });
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  second.Stop();
  dialled->client->Send("undisturbed");
  Await([&, peer = peer] { return peer->received() == "undisturbed"; });
}

TEST_F(AgentTest, KeepsOneLinkPerServer) {
  options_.servers = {{"127.0.0.1", hub_.port()}, {"localhost", hub_.port()}};
  Start();
  Await([&] { return hub_.handshakes() >= 3 && hub_.sessions().size() == 1; });
  EXPECT_THAT(Admin("/metrics"),
              HasSubstr("konnectivity_network_proxy_agent_open_server_connections 1"));
}

TEST_F(AgentTest, LinksToAsManyServersAsThereAre) {
  // One address, behind which the servers say that they are two.
  FakeHub pair(loop_, certificates_.HubAgentPort(), {.id = "hub-1", .count = 2});
  pair.Listen();
  options_.servers = {{"127.0.0.1", pair.port()}};
  Start();
  Await([&] { return pair.handshakes() >= 2; });
  EXPECT_THAT(Admin("/metrics"),
              HasSubstr("konnectivity_network_proxy_agent_known_server_count 2"));
}

TEST_F(AgentTest, ARefusalIsShown) {
  FakeHub strict(loop_, certificates_.HubAgentPort(),
                 {.refusal = absl::PermissionDeniedError("paris is somebody else")});
  strict.Listen();
  options_.servers = {{"127.0.0.1", strict.port()}};
  Start();
  Await([&] { return strict.refused() >= 2; });  // it tries again
  AwaitUnready("paris is somebody else");
}

TEST_F(AgentTest, AServerOfAnotherCaIsNotTrusted) {
  options_.tls.files.ca = certificates_.HubAgentPort().ca;  // the agents' CA, not the servers'
  Start();
  AwaitUnready("verify failed");
  EXPECT_EQ(hub_.handshakes(), 0);
}

TEST_F(AgentTest, AnExpiredCertificateIsNamed) {
  options_.tls.files = certificates_.ExpiredAgent("paris");
  Start();
  AwaitUnready("own certificate expired");
  EXPECT_EQ(hub_.handshakes(), 0);
}

TEST_F(AgentTest, RenewedCertificatesMakeBeforeBreak) {
  FakeHub::Session& old = Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  const net::TlsFiles renewed = certificates_.Agent("paris");
  std::filesystem::rename(renewed.certificate, options_.tls.files.certificate);
  std::filesystem::rename(renewed.key, options_.tls.files.key);
  agent_->Reload();
  Await([&] { return hub_.sessions().size() == 2 && old.draining(); });
  dialled->client->Send("on the old link");
  Await([&, peer = peer] { return peer->received() == "on the old link"; });
  dialled->client->Finish();
  peer->Finish();
  Await([&] { return hub_.sessions().size() == 1; });
  EXPECT_NE(hub_.sessions().front(), &old);
}

TEST_F(AgentTest, AReplacedLinkDoesNotLiveForever) {
  options_.replaced_link_timeout = milliseconds(50);
  FakeHub::Session& old = Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  const net::TlsFiles renewed = certificates_.Agent("paris");
  std::filesystem::rename(renewed.certificate, options_.tls.files.certificate);
  std::filesystem::rename(renewed.key, options_.tls.files.key);
  agent_->Reload();
  Await([&, peer = peer] {
    return peer->ended() && hub_.handshakes() == 2 && hub_.sessions().size() == 1;
  });
  EXPECT_NE(hub_.sessions().front(), &old);
}

TEST_F(AgentTest, StopsWhenItsConnectionsHaveEnded) {
  FakeHub::Session& session = Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  agent_->Stop();
  Await([&] { return session.draining(); });
  EXPECT_THAT(Health("/readyz"), HasSubstr("[-]stopping"));
  dialled->client->Send("last words");
  dialled->client->Finish();
  Await([&, peer = peer] { return peer->ended(); });
  EXPECT_EQ(peer->received(), "last words");
  peer->Finish();
  Await([&] { return hub_.sessions().empty(); });
  thread_.join();
  agent_ = nullptr;
}

TEST_F(AgentTest, TheSecondStopDoesNotWait) {
  FakeHub::Session& session = Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  agent_->Stop();
  Await([&] { return session.draining(); });
  agent_->Stop();
  thread_.join();
  agent_ = nullptr;
  Await([&, peer = peer] { return peer->ended(); });
}

TEST_F(AgentTest, SpeaksPlainKonnectivity) {
  FakeHub plain(loop_, certificates_.HubAgentPort(), {.plain = true});
  plain.Listen();
  options_.servers = {{"127.0.0.1", plain.port()}};
  Start();
  Await([&] { return plain.sessions().size() == 1; });
  Target target(loop_);
  const auto dialled = plain.Dial(*plain.sessions().front(), target.address());
  Await([&] { return dialled->done && target.peers.size() == 1; });
  target.peers.front()->Send("answer");
  target.peers.front()->Finish();
  Await([&] { return dialled->client->ended(); });
  EXPECT_EQ(dialled->client->received(), "answer");
}

TEST_F(AgentTest, RefusesToBeginWithoutItsFilesOrPorts) {
  options_.servers = {{"127.0.0.1", hub_.port()}};
  Options broken = options_;
  broken.tls.files.key = "/nonexistent/tls.key";
  EXPECT_THAT(Agent::Create(broken).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/tls.key")));
  broken = options_;
  broken.tls.files = certificates_.Client("alice");
  EXPECT_THAT(Agent::Create(broken).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not an agent's")));
  broken = options_;
  broken.token_path = "/nonexistent/token";
  EXPECT_THAT(Agent::Create(broken).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/token")));
  broken = options_;
  broken.health.port = hub_.port();
  EXPECT_THAT(Agent::Create(broken).status(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("serve health")));
}

}  // namespace
}  // namespace hawser::spoke
