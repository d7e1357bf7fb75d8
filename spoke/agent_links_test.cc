// How the agent gets to its servers: tokens, HTTP proxies, counts of servers.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "lib/net/test_proxy.h"
#include "lib/testing/log_capture.h"
#include "lib/testing/status_matchers.h"
#include "spoke/agent_fixture.h"
#include "spoke/test_pods_api.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::LogCapture;
using ::hawser::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class AgentLinksTest : public AgentTest {
 protected:
  AgentLinksTest() { WriteToken("t0ken-s3cret-1"); }

  void WriteToken(const std::string& token) {
    std::ofstream(token_ + ".new") << token << "\n";
    std::filesystem::rename(token_ + ".new", token_);
  }
  // Asks for everything that the agent tells strangers.
  std::string AllPages() {
    return Health("/readyz?verbose") + Health("/readyz") + Health("/metrics") + Admin("/metrics") +
           Debug("/debug/connections");
  }
  void ExpectNoSecrets() {
    for (const char* secret : {"s3cret", "czNjcmV0"}) {  // plain, and within Basic credentials
      EXPECT_THAT(AllPages(), Not(HasSubstr(secret)));
      EXPECT_THAT(logs_.text(), Not(HasSubstr(secret)));
    }
    EXPECT_THAT(logs_.text(), HasSubstr("127.0.0.1"));  // it does capture
  }

  LogCapture logs_;
  const std::string token_ = certificates_.folder() + "/token";
};

TEST_F(AgentLinksTest, ReachesServersByPortForward) {
  TestPodsApi api(loop_, {.target_port = hub_.port()});
  options_.hub_kubeconfig = certificates_.folder() + "/hub";
  std::ofstream(options_.hub_kubeconfig) << api.Kubeconfig();
  options_.port_forward = {"hub", "app=proxy-server", 8091};
  options_.servers = {{"localhost", 1}};  // the name in the server's certificate
  Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  const std::string much(5'000'000, 'x');
  dialled->client->Send(much);
  peer->Send(much);
  Await([&, peer = peer, client = dialled->client.get()] {
    return peer->received().size() == much.size() && client->received().size() == much.size();
  });
  EXPECT_THAT(logs_.text(), HasSubstr("connected to server hub at localhost:1 (a pod of namespace "
                                      "hub through 127.0.0.1:"));
  api.BreakForwards();
  Await([&] { return hub_.sessions().empty(); });
  Await([&] { return hub_.sessions().size() == 1; });
}

TEST_F(AgentLinksTest, TellsWhyAPortForwardFails) {
  TestPodsApi api(loop_, {.complaint = "lost connection to pod"});
  options_.hub_kubeconfig = certificates_.folder() + "/hub";
  std::ofstream(options_.hub_kubeconfig) << api.Kubeconfig();
  options_.port_forward = {"hub", "app=proxy-server", 8091};
  options_.servers = {{"localhost", 1}};
  Start();
  AwaitUnready("port-forward to pod hub/proxy-server-0 through 127.0.0.1:" +
               std::to_string(api.port()) + ": its end says \"lost connection to pod\"");
}

TEST_F(AgentLinksTest, SendsNoTokenUnlessToldTo) {
  EXPECT_FALSE(Connect().request().Has("authorization"));
}

TEST_F(AgentLinksTest, SendsTheTokenThatIsThereNow) {
  options_.token_path = token_;
  EXPECT_EQ(Connect().request().Get("authorization"), "Bearer t0ken-s3cret-1");
  hub_.Stop();
  WriteToken("t0ken-s3cret-2");
  AwaitUnready("[-]server at 127.0.0.1:");
  hub_.Listen();
  Await([&] { return hub_.sessions().size() == 1; });
  EXPECT_EQ(hub_.sessions().front()->request().Get("authorization"), "Bearer t0ken-s3cret-2");
  ExpectNoSecrets();

  hub_.Stop();
  WriteToken("t0ken s3cret 3");
  AwaitUnready("it holds no token");
  std::filesystem::remove(token_);
  AwaitUnready("read " + token_ + ": no such file");
  ExpectNoSecrets();
}

TEST_F(AgentLinksTest, ARefusedTokenIsNotShown) {
  FakeHub strict(loop_, certificates_.HubAgentPort(),
                 {.refusal = absl::UnauthenticatedError("who are you?")});
  strict.Listen();
  options_.token_path = token_;
  options_.servers = {{"127.0.0.1", strict.port()}};
  Start();
  AwaitUnready("who are you?");
  ExpectNoSecrets();
}

TEST_F(AgentLinksTest, NeedsNoCertificateOfItsOwn) {
  options_.tls.files.certificate = options_.tls.files.key = "";
  Start();  // our servers refuse it; those that take tokens do not
  AwaitUnready("certificate required");
  EXPECT_THAT(Admin("/metrics"), Not(HasSubstr("hawser_certificate_expiry_seconds")));
}

class ProxiedAgentTest : public AgentLinksTest {
 protected:
  ProxiedAgentTest() {
    named_.Listen();
    options_.servers = {{"hub.test", named_.port()}};
  }

  void UseProxy(const net::TestProxy& proxy, const std::string& scheme = "http") {
    options_.proxies = *net::ProxySettings::Make(
        scheme + "://alice:s3cret@127.0.0.1:" + std::to_string(proxy.port()), {});
  }
  // The name of the server is known to nobody but the proxy.
  void ExpectLinked(net::TestProxy& proxy) {
    Start();
    Await([&] { return named_.sessions().size() == 1; });
    EXPECT_EQ(proxy.requests().back().target, "hub.test:" + std::to_string(named_.port()));
    EXPECT_EQ(proxy.requests().back().authorization, "Basic YWxpY2U6czNjcmV0");
    Target target(loop_);
    const auto dialled = named_.Dial(*named_.sessions().front(), target.address());
    Await([&] { return dialled->done && target.peers.size() == 1; });
    dialled->client->Send(std::string(1 << 20, 'x'));
    dialled->client->Finish();
    Await([&] { return target.peers.front()->ended(); });
    EXPECT_EQ(target.peers.front()->received().size(), 1u << 20);
    ExpectNoSecrets();
  }

  FakeHub named_{loop_, certificates_.HubAgentPortNamed("hub.test"), {.id = "named"}};
};

TEST_F(ProxiedAgentTest, ReachesItsServerThroughAProxy) {
  net::TestProxy proxy(loop_,
                       {.target_port = named_.port(), .authorization = "Basic YWxpY2U6czNjcmV0"});
  UseProxy(proxy);
  ExpectLinked(proxy);
  EXPECT_THAT(logs_.text(), HasSubstr("through the proxy 127.0.0.1:"));
}

TEST_F(ProxiedAgentTest, ReachesItsServerThroughAProxyWithTls) {
  net::TestProxy proxy(loop_, {.target_port = named_.port(),
                               .tls = certificates_.HubFrontEnd(),
                               .authorization = "Basic YWxpY2U6czNjcmV0"});
  UseProxy(proxy, "https");
  options_.proxy_ca = options_.tls.files.ca;
  ExpectLinked(proxy);
}

TEST_F(ProxiedAgentTest, TellsWhatTheProxySays) {
  net::TestProxy proxy(loop_, {.target_port = named_.port(), .authorization = "Basic other"});
  UseProxy(proxy);
  Start();
  AwaitUnready("answered 407");
  ExpectNoSecrets();
}

TEST_F(ProxiedAgentTest, GoesPastTheProxyToThisMachine) {
  net::TestProxy proxy(loop_, {.answer = "HTTP/1.1 503 No\r\n\r\n"});
  UseProxy(proxy);
  options_.servers = {{"127.0.0.1", hub_.port()}};
  Connect();
  EXPECT_TRUE(proxy.requests().empty());
}

}  // namespace
}  // namespace hawser::spoke
