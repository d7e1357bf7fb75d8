// The addon-manager when others fail: the API server, another addon-manager, missing kinds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "addon-manager/names.h"
#include "addon-manager/test_hub.h"
#include "lib/kube/lease.h"
#include "lib/testing/log_capture.h"

namespace hawser::addon_manager {
namespace {

using kube::Object;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kAlways = -1;
const kube::ObjectName kLock{TestHub::kNs, "cluster-proxy-addon-manager"};

auto HeldBy(const std::string& identity) {
  return [identity](const Object& lease) { return kube::ParseLease(lease).holder == identity; };
}

class ManagerFailureTest : public ::testing::Test {
 protected:
  void GiveTheLeaseTo(const std::string& identity) {
    hub_.Patch(kube::kLeases, kLock, {{"spec", {{"holderIdentity", identity}}}});
  }
  double Metric(const std::string& name) {
    const std::string page = hub_.Page("/metrics");
    const size_t at = page.find("hawser_addon_manager_" + name + " ");
    return at == std::string::npos ? -1 : std::stod(page.substr(page.find(' ', at)));
  }
  // Looks of a controller.
  double Done(const std::string& controller) {
    return Metric("reconciles_total{controller=\"" + controller + "\",result=\"done\"}");
  }
  void AwaitDone(const std::string& controller, double count) {
    while (Done(controller) < count) std::this_thread::yield();
  }

  hawser::testing::LogCapture log_;
  TestHub hub_;
};

TEST_F(ManagerFailureTest, AnApiServerThatIsNotThereIsWaitedFor) {
  hub_.StopServer();
  hub_.StartManager();
  log_.Await("managedproxyconfigurations");
  hub_.StartServer();
  hub_.Configure();
  hub_.AwaitCondition("ProxyServerDeployed", "True");
}

TEST_F(ManagerFailureTest, AnApiServerThatFailsForAWhileIsTriedAgain) {
  hub_.server().Script({.target = "", .times = kAlways, .status = 500});
  hub_.StartManager();
  hub_.server().AwaitRequests("GET", "managedclusters", 2);
  hub_.server().ClearScript();
  hub_.Configure();
  hub_.AddCluster("paris");
  hub_.AwaitWork("paris");

  // Watches end as well, and changes of that time must not be missed.
  hub_.server().Script({.method = "GET", .target = "watch=true", .times = kAlways, .status = 500});
  hub_.server().EndWatches();
  hub_.AddCluster("tokyo");
  hub_.server().ClearScript();
  hub_.AwaitWork("tokyo");
}

TEST_F(ManagerFailureTest, WhatCannotBeWrittenIsTold) {
  hub_.server().Script({.method = "PATCH",
                        .target = "/deployments/",
                        .times = kAlways,
                        .status = 500,
                        .body = R"({"kind": "Status", "message": "etcd is on fire"})"});
  hub_.StartManager();
  hub_.Configure();
  const Object condition = hub_.AwaitCondition("ProxyServerDeployed", "False");
  EXPECT_EQ(condition["reason"], "Failed");
  EXPECT_THAT(condition["message"].get<std::string>(), HasSubstr("etcd is on fire"));
  hub_.server().ClearScript();
  hub_.AwaitCondition("ProxyServerDeployed", "True");
}

TEST_F(ManagerFailureTest, AKindThatDoesNotExistYetIsNamed) {
  hub_.server().Script({.method = "GET",
                        .target = "/managedclusteraddons",
                        .times = kAlways,
                        .status = 404,
                        .body = "404 page not found"});
  hub_.StartManager();
  hub_.Configure();
  log_.Await("managedclusteraddons.addon.open-cluster-management.io");
  hub_.server().AwaitRequests("GET", "/managedclusteraddons", 2);
  EXPECT_EQ(hub_.server().Count("POST", "/secrets"), 0) << "nothing is done with half the picture";
  hub_.server().ClearScript();
  hub_.AwaitCondition("ProxyServerDeployed", "True");
}

TEST_F(ManagerFailureTest, OneOfSeveralWorksAndAnotherFollows) {
  hub_.options.leader_elect = true;
  hub_.StartManager();
  hub_.Configure();
  hub_.AwaitCondition("ProxyServerDeployed", "True");
  hub_.Await(kube::kLeases, kLock, HeldBy("first"));
  const int watches = hub_.server().watches();

  Options second = hub_.options;
  second.identity = "second";
  const auto follower = Manager::Create(second);
  ASSERT_TRUE(follower.ok()) << follower.status();
  std::thread running([&] { (*follower)->Run(); });
  // All of its watches beside those of the first one: it knows everything, and does nothing.
  hub_.server().AwaitWatches(2 * watches);
  hub_.StopManager();
  hub_.Await(kube::kLeases, kLock, HeldBy("second"));
  hub_.AddCluster("paris");
  hub_.AwaitWork("paris");
  (*follower)->Stop();
  running.join();
}

TEST_F(ManagerFailureTest, OneThatLosesItsLeadWorksAgainWhenItLeadsAgain) {
  hub_.options.leader_elect = true;
  hub_.StartManager();
  hub_.Configure();
  hub_.AddCluster("paris");
  hub_.AwaitWork("paris");
  GiveTheLeaseTo("another");
  log_.Await("not leading any more");
  hub_.AddCluster("tokyo");
  hub_.ConfigurePatch({{"proxyServer", {{"replicas", 7}}}});
  hub_.Delete(kSecrets, {TestHub::kNs, "proxy-server"});
  EXPECT_EQ(hub_.server().Count("PATCH", "/namespaces/tokyo/manifestworks"), 0);
  EXPECT_THAT(hub_.Page("/metrics"), Not(HasSubstr("authority_phase{")))
      << "figures of who does not lead";

  GiveTheLeaseTo("first");
  hub_.AwaitWork("tokyo");
  hub_.Await(kDeployments, {TestHub::kNs, "cluster-proxy"}, [](const Object& deployment) {
    return kube::IntAt(deployment, {"spec", "replicas"}, 0) == 7;
  });
  hub_.AwaitSecret("proxy-server", [](const auto& data) { return data.contains("tls.crt"); });
}

TEST_F(ManagerFailureTest, OneThatLeadsAgainBeginsWithTheConfiguration) {
  hub_.options.leader_elect = true;
  hub_.StartManager();
  hub_.Configure();
  hub_.AddCluster("paris");
  hub_.AwaitWork("paris");
  GiveTheLeaseTo("another");
  log_.Await("not leading any more");
  hub_.AddCluster("tokyo");
  hub_.Request("paris", kProxyAgentSigner);
  hub_.server().Script({.method = "GET",
                        .target = "/secrets/" + hub_.options.signer_secret,
                        .times = kAlways,
                        .status = 500});
  const double addons = Done("addon"), requests = Done("signing_request");

  GiveTheLeaseTo("first");
  // Both clusters and the request were looked at, and nothing was done: somebody else may have
  // other authorities by now.
  AwaitDone("addon", addons + 2);
  AwaitDone("signing_request", requests + 1);
  EXPECT_EQ(hub_.server().Count("PATCH", "/namespaces/tokyo/manifestworks"), 0);
  EXPECT_EQ(Metric(R"(signing_requests_total{result="pending"})"), 0);
  hub_.server().ClearScript();
  hub_.AwaitWork("tokyo");
}

}  // namespace
}  // namespace hawser::addon_manager
