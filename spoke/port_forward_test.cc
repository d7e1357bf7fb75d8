#include "spoke/port_forward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "lib/net/socket.h"
#include "lib/net/socket_address.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"
#include "spoke/test_pods_api.h"

namespace hawser::spoke {
namespace {

using absl::StatusCode;
using ::hawser::testing::LoopbackPeer;
using ::hawser::testing::RunUntil;
using ::hawser::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const PortForwardTarget kTarget{"hub", "app=proxy-server", 8091};

class PortForwardTest : public ::testing::Test {
 protected:
  PortForwardTest() {
    listener_ = *net::Listener::Tcp(loop_, *net::BindEndpoint("127.0.0.1", 0));
    listener_->Start([this](int fd) {
      target_ = std::make_unique<LoopbackPeer>(net::MakePlainSocket(loop_, fd));
    });
  }

  absl::StatusOr<std::unique_ptr<LoopbackPeer>> Dial(const kube::Config& config,
                                                     base::Duration deadline = seconds(30)) {
    attempt_.reset();
    forward_.emplace(loop_, resolver_, config, kTarget);
    std::optional<absl::StatusOr<int>> result;
    attempt_ = forward_->Dial(deadline, [&](absl::StatusOr<int> fd) { result = std::move(fd); });
    RunUntil(loop_, [&] { return result.has_value(); });
    if (!result->ok()) return result->status();
    return std::make_unique<LoopbackPeer>(net::MakePlainSocket(loop_, **result));
  }
  // Why an API server of that kind leads nowhere.
  absl::Status Failure(TestPodsApi::Options options) {
    TestPodsApi api(loop_, std::move(options));
    const absl::Status status = Dial(api.config()).status();
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("t0ken")));
    return status;
  }
  void ExpectConnected(LoopbackPeer& client) {
    client.Send("question");
    RunUntil(loop_, [&] { return target_ != nullptr && target_->received() == "question"; });
    target_->Send(std::string(3 << 20, 'x'));
    RunUntil(loop_, [&] { return client.received().size() == 3 << 20; });
  }

  net::EventLoop loop_;
  net::Resolver resolver_{loop_};
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<LoopbackPeer> target_;
  std::optional<PortForward> forward_;
  std::unique_ptr<net::ConnectAttempt> attempt_;
};

TEST_F(PortForwardTest, LeadsToAReadyPod) {
  kube::Object leaving = Pod("leaving");
  leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  TestPodsApi api(loop_, {.target_port = listener_->port(),
                          .pods = {Pod("starting", false), leaving, Pod("proxy-server-1"), {}}});
  const auto client = Dial(api.config());
  ASSERT_TRUE(client.ok()) << client.status();
  ExpectConnected(**client);
  ASSERT_EQ(api.requests().size(), 2);
  EXPECT_THAT(api.requests()[0].target, AllOf(HasSubstr("/api/v1/namespaces/hub/pods?"),
                                              HasSubstr("labelSelector=app%3Dproxy-server"),
                                              HasSubstr("fieldSelector=status.phase%3DRunning")));
  EXPECT_EQ(api.requests()[1].target,
            "/api/v1/namespaces/hub/pods/proxy-server-1/portforward?ports=8091");
  EXPECT_EQ(api.requests()[1].protocol, "v4.channel.k8s.io");
  for (const auto& request : api.requests()) EXPECT_EQ(request.authorization, "Bearer t0ken");
  EXPECT_EQ(forward_->Description(),
            "a pod of namespace hub through 127.0.0.1:" + std::to_string(api.port()));
}

TEST_F(PortForwardTest, TriesAllPodsInTheLongRun) {
  TestPodsApi api(loop_, {.target_port = listener_->port(), .pods = {Pod("a"), Pod("b")}});
  std::set<std::string> targets;
  while (targets.size() < 2) {
    ASSERT_TRUE(Dial(api.config()).ok());
    targets.insert(api.requests().back().target);
  }
}

TEST_F(PortForwardTest, SpeaksTlsAsTheKubeconfigSays) {
  testing::TestCertificates certificates;
  const net::TlsFiles ours = certificates.Agent("paris");
  TestPodsApi api(loop_, {.tls = certificates.HubAgentPort(), .target_port = listener_->port()});
  const auto config = [&](const std::string& ca) {
    kube::Config config = api.config();
    config.authorities = std::make_shared<kube::TextSource>(ca, kube::TextSource::Kind::kPublic);
    kube::StaticCredentials::Sources sources;
    sources.certificate =
        std::make_unique<kube::TextSource>(ours.certificate, kube::TextSource::Kind::kPublic);
    sources.key = std::make_unique<kube::TextSource>(ours.key, kube::TextSource::Kind::kPrivateKey);
    config.credentials = std::make_shared<kube::StaticCredentials>(std::move(sources));
    return config;
  };
  const auto client = Dial(config(ours.ca));
  ASSERT_TRUE(client.ok()) << client.status();
  ExpectConnected(**client);
  EXPECT_THAT(Dial(config(certificates.HubAgentPort().ca)).status(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("certificate is not accepted")));
}

TEST_F(PortForwardTest, TellsWhyThereIsNoConnection) {
  EXPECT_THAT(Failure({.pods = {Pod("starting", false)}}),
              StatusIs(StatusCode::kUnavailable,
                       HasSubstr("port-forward: no ready pod with the labels app=proxy-server in "
                                 "namespace hub")));
  EXPECT_THAT(Failure({.answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 81\r\n\r\n"
                                 R"({"kind":"Status","message":"pods \"x\" is forbidden",)"
                                 R"("reason":"Forbidden"})"}),
              StatusIs(StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("port-forward to pod hub/proxy-server-0 through 127.0.0.1:"),
                             HasSubstr("is forbidden"))));
  EXPECT_THAT(Failure({.answer = "HTTP/1.1 200 OK\r\n\r\n"}),
              StatusIs(StatusCode::kUnavailable, HasSubstr("answered 200 \"OK\"")));
  EXPECT_THAT(Failure({.answer = "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n"
                                 "Sec-WebSocket-Accept: guessed\r\n\r\n"}),
              StatusIs(StatusCode::kUnavailable, HasSubstr("no websocket with v4.channel.k8s.io")));
  EXPECT_THAT(Failure({.answer = "HTTP/1.1 101 Swit"}),
              StatusIs(StatusCode::kUnavailable, HasSubstr("closed the connection")));
  EXPECT_THAT(Failure({.pods = {Pod("..")}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not allowed")));
}

TEST_F(PortForwardTest, HasADeadline) {
  TestPodsApi silent(loop_, {.silent = true});
  EXPECT_THAT(Dial(silent.config(), milliseconds(50)).status(),
              StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("no pods in time")));
}

TEST_F(PortForwardTest, KnowsWhatBrokeAConnection) {
  TestPodsApi api(loop_, {.complaint = "error forwarding port 8091 to pod: connection refused"});
  const auto client = Dial(api.config());
  ASSERT_TRUE(client.ok()) << client.status();
  RunUntil(loop_, [&] { return (*client)->ended(); });
  EXPECT_THAT(
      attempt_->Broken(),
      StatusIs(StatusCode::kUnavailable, AllOf(HasSubstr("port-forward to pod hub/proxy-server-0"),
                                               HasSubstr("connection refused"))));
}

TEST_F(PortForwardTest, EndsSilentlyWhenDestroyed) {
  TestPodsApi silent(loop_, {.silent = true});
  forward_.emplace(loop_, resolver_, silent.config(), kTarget);
  attempt_ = forward_->Dial(seconds(30), [](auto) { FAIL() << "called back"; });
  RunUntil(loop_, [&] { return !silent.requests().empty(); });
  attempt_.reset();
  forward_.reset();
  testing::RunReady(loop_);
}

}  // namespace
}  // namespace hawser::spoke
