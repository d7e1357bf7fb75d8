// Agents that show a token instead of a certificate, and a Kubernetes API that knows it.
#include <fstream>
#include <thread>

#include "hub/test_hub.h"
#include "lib/kube/fake_api_server.h"
#include "lib/pki/authority.h"
#include "lib/pki/pem_file.h"
#include "lib/testing/log_capture.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::LogCapture;
using ::testing::Not;
using testing::StatusIs;

constexpr char kUser[] = "system:serviceaccount:kube-system:konnectivity-agent";
constexpr char kAudience[] = "system:konnectivity-server";

class HubTokenTest : public HubTest {
 protected:
  HubTokenTest() {
    const pki::Authority authority = *pki::Authority::Create("kubernetes", std::chrono::hours(1));
    const auto key = pki::PrivateKey::Generate();
    const auto leaf = authority.Issue(
        {.common_name = "kube-apiserver", .ip_addresses = {"127.0.0.1"}, .server = true},
        key->get());
    authority_ = authority.certificate().ToPem();
    api_ = std::make_unique<kube::FakeApiServer>(
        kube::FakeApiServer::Tls{leaf->ToPem(), key->ToPem(), ""});
    AddToken("s3cret-good", kUser);
    AddToken("s3cret-same", kUser);
    AddToken("s3cret-other", "system:serviceaccount:default:default");
  }
  // Before the API server.
  ~HubTokenTest() override { StopHub(); }

  void AddToken(const std::string& token, const std::string& user) {
    api_->AddToken(token, {.authenticated = true, .username = user, .audiences = {kAudience}});
  }

  // As the usual installation has it: no CA of agents.
  Options TokenOptions() {
    Options options = DefaultOptions();
    options.cluster_tls.ca = "";
    options.agent_tokens = {.user = kUser, .audience = kAudience};
    options.kubernetes.kubeconfig = folder_ + "/kubeconfig";
    const std::string ca = folder_ + "/kubernetes.crt";
    EXPECT_THAT(pki::WritePemFile(ca, authority_, pki::kPublicFile), IsOk());
    std::ofstream(options.kubernetes.kubeconfig)
        << "apiVersion: v1\nkind: Config\ncurrent-context: it\n"
        << "contexts:\n- name: it\n  context: {cluster: it, user: hub}\n"
        << "clusters:\n- name: it\n  cluster:\n    server: https://127.0.0.1:" << api_->port()
        << "\n    certificate-authority: " << ca << "\n"
        << "users:\n- name: hub\n  user: {token: s3cret-hub}\n";
    return options;
  }

  // An agent without a certificate.
  std::unique_ptr<TestAgent> Agent(const std::string& token, const std::string& identifiers = "") {
    net::TlsFiles files = certificates_.Agent("paris");
    files.certificate = files.key = "";
    return std::make_unique<TestAgent>(
        TestAgent::Options{.hub = AgentsPort(files), .identifiers = identifiers, .token = token});
  }
  absl::Status Connect(const std::string& token) { return Agent(token)->Connected().status(); }
  std::string Dial(const std::string& target) {
    RawClient client(folder_ + "/connect.sock");
    return HubTest::Connect(client, target);
  }
  void AwaitReviews(int count) {
    while (api_->Count("POST", "/tokenreviews") < count) std::this_thread::yield();
  }

  std::string authority_;
  std::unique_ptr<kube::FakeApiServer> api_;
};

TEST_F(HubTokenTest, LetsAgentsInWithoutACertificate) {
  LogCapture log;
  StartHub(TokenOptions());
  const auto agent = Agent("s3cret-good");
  EXPECT_THAT(agent->Connected(), IsOkAndHolds(std::string("hub-1")));
  EXPECT_EQ(Dial("echo.somewhere:7"), kEstablished);
  EXPECT_THAT(Connect("s3cret-other"), StatusIs(StatusCode::kPermissionDenied,
                                                HasSubstr("agent refused: its token is of user")));
  EXPECT_THAT(Connect("s3cret-bad"),
              StatusIs(StatusCode::kUnauthenticated, HasSubstr("not one of the Kubernetes API")));
  EXPECT_THAT(Connect(""), StatusIs(StatusCode::kUnauthenticated, HasSubstr("no token")));
  ExpectTokenChecks(/*accepted=*/1, /*denied=*/2, /*missing=*/1);
  ExpectNowhereOnPages("s3cret");
  EXPECT_THAT(log.text(), AllOf(HasSubstr("agent refused"), Not(HasSubstr("s3cret"))));
}

TEST_F(HubTokenTest, TokensAreNoIdentity) {
  // What they announce is their own word, and loses against a certificate's: with a CA, both.
  Options options = TokenOptions();
  options.cluster_tls.ca = DefaultOptions().cluster_tls.ca;
  StartHub(options);
  EXPECT_FALSE(Connect("s3cret-good").ok()) << "no certificate";
  TestAgent wrong({.hub = AgentsPort(certificates_.Agent("paris")), .token = "s3cret-bad"});
  EXPECT_THAT(wrong.Connected().status(), StatusIs(StatusCode::kUnauthenticated));
  TestAgent both({.hub = AgentsPort(certificates_.Agent("paris")), .token = "s3cret-good"});
  EXPECT_THAT(both.Connected(), IsOk());
  EXPECT_EQ(Dial("echo.paris:7"), kEstablished);
}

TEST_F(HubTokenTest, AnApiServerInTroubleOnlyPutsAgentsOff) {
  LogCapture log;
  StartHub(TokenOptions());
  const auto agent = Agent("s3cret-good");
  ASSERT_THAT(agent->Connected(), IsOk());
  api_->Script({.target = "/tokenreviews",
                .status = 500,
                .body = R"({"kind":"Status","message":"cannot read s3cret-same"})"});
  EXPECT_THAT(Connect("s3cret-same"),
              StatusIs(StatusCode::kUnavailable,
                       HasSubstr("agent refused: its token could not be checked now")));
  EXPECT_THAT(Connect("s3cret-same"), IsOk()) << "another try";

  api_.reset();
  EXPECT_THAT(Connect("s3cret-bad"), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(Dial("echo.somewhere:7"), kEstablished) << "who is connected stays";
  EXPECT_THAT(Connect("s3cret-good"), IsOk()) << "who was known a moment ago still is";
  EXPECT_TRUE(AwaitMetric("hawser_agent_token_checks_total{result=\"unchecked\"} 2"));
  EXPECT_THAT(log.text(), AllOf(HasSubstr("agents' tokens cannot be checked: "),
                                HasSubstr("cannot read [token]"), HasSubstr("k8s.io: 127.0.0.1:"),
                                Not(HasSubstr("s3cret"))));
}

TEST_F(HubTokenTest, ASlowReviewDelaysNobodyElse) {
  StartHub(TokenOptions());
  api_->Script({.target = "/tokenreviews", .held = true});
  const auto slow = Agent("s3cret-good");
  AwaitReviews(1);
  EXPECT_THAT(Connect("s3cret-same"), IsOk());
  EXPECT_THAT(Connect("s3cret-bad"), StatusIs(StatusCode::kUnauthenticated));
  api_->ClearScript();
  EXPECT_THAT(slow->Connected(), IsOk());
}

TEST_F(HubTokenTest, StopsInTheMiddleOfAReview) {
  StartHub(TokenOptions());
  api_->Script({.target = "/tokenreviews", .held = true});
  const auto agent = Agent("s3cret-good");
  AwaitReviews(1);
  StopHub();
  EXPECT_FALSE(agent->Connected().ok());
}

TEST_F(HubTokenTest, StrangersDoNotStay) {
  Options options = TokenOptions();
  options.limits.request_head_timeout = std::chrono::milliseconds(50);
  StartHub(options);
  net::TlsFiles files = certificates_.Agent("paris");
  files.certificate = files.key = "";
  RawClient silent(PortOf("agents"), files, "h2");
  ASSERT_TRUE(silent.ok());
  silent.ReadToEnd();  // the hub ends it
  RawClient greeting(PortOf("agents"), files, "h2");
  greeting.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9));
  EXPECT_THAT(greeting.ReadToEnd(), HasSubstr("it asked for nothing"));
  EXPECT_THAT(Connect("s3cret-good"), IsOk());
}

TEST_F(HubTokenTest, DoesNotStartWithoutAnyCheck) {
  Options options = TokenOptions();
  std::ofstream(options.kubernetes.kubeconfig) << "contexts: torn\n";
  EXPECT_THAT(Hub::Create(options).status(),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("check agents' tokens"), HasSubstr("kubeconfig"))));
  options.agent_tokens = {};
  EXPECT_THAT(Hub::Create(options).status(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("needs the ca of its clients")));
}

}  // namespace
}  // namespace hawser::hub
