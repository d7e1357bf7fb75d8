#include "addon-manager/csr_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "addon-manager/names.h"
#include "addon-manager/test_request.h"

namespace hawser::addon_manager {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Action = CsrDecision::Action;

class CsrRulesTest : public ::testing::Test {
 protected:
  CsrDecision Decide(const json& request) const {
    return DecideRequest(request, registrations_, tunnel::NameRules());
  }

  // What the registration agent of paris sends for the registration of `signer`.
  json Request(const std::string& signer) const {
    const size_t index = signer == kKubeClientSigner ? 0 : 1;
    return {{"metadata",
             {{"name", "addon-paris-cluster-proxy-x"},
              {"labels",
               {{"open-cluster-management.io/cluster-name", "paris"},
                {"open-cluster-management.io/addon-name", "cluster-proxy"}}}}},
            {"spec",
             {{"signerName", signer},
              {"username", "system:open-cluster-management:paris:agent-1"},
              {"usages", {"digital signature", "key encipherment", "client auth"}},
              {"request", absl::Base64Escape(RequestPem(registrations_[index]))}}}};
  }

  const std::vector<Registration> registrations_ = RegistrationsOf("paris", "abc");
};

TEST_F(CsrRulesTest, ApprovesWhatWasRegistered) {
  const CsrDecision kube = Decide(Request(kKubeClientSigner));
  EXPECT_EQ(kube.action, Action::kApprove) << kube.why;
  EXPECT_EQ(kube.cluster, "paris");
  const CsrDecision ours = Decide(Request(kProxyAgentSigner));
  EXPECT_EQ(ours.action, Action::kSign) << ours.why;
  EXPECT_EQ(ours.cluster, "paris");
}

TEST_F(CsrRulesTest, IgnoresWhatIsNotAboutUs) {
  json request = Request(kProxyAgentSigner);
  request["spec"]["signerName"] = "kubernetes.io/kubelet-serving";
  EXPECT_EQ(Decide(request).action, Action::kIgnore);
  request = Request(kProxyAgentSigner);
  request["metadata"]["labels"]["open-cluster-management.io/addon-name"] = "work-manager";
  EXPECT_EQ(Decide(request).action, Action::kIgnore);
  request = Request(kProxyAgentSigner);
  request["metadata"]["labels"]["open-cluster-management.io/cluster-name"] = "../paris";
  EXPECT_EQ(Decide(request).action, Action::kIgnore);
  for (const json& odd : {json(), json::array(), json{{"spec", 1}}, json{{"metadata", "x"}}})
    EXPECT_EQ(Decide(odd).action, Action::kIgnore) << odd;
}

TEST_F(CsrRulesTest, LeavesFinishedOnesAlone) {
  json request = Request(kProxyAgentSigner);
  request["status"]["certificate"] = "LS0t";
  EXPECT_EQ(Decide(request).action, Action::kIgnore);
  request = Request(kProxyAgentSigner);
  request["status"]["conditions"] = {{{"type", "Denied"}, {"status", "True"}}};
  EXPECT_EQ(Decide(request).action, Action::kIgnore);
}

TEST_F(CsrRulesTest, AnApprovedOneIsStillToBeSigned) {
  json request = Request(kProxyAgentSigner);
  request["status"]["conditions"] = {{{"type", "Approved"}, {"status", "True"}}};
  EXPECT_EQ(Decide(request).action, Action::kSign);
}

TEST_F(CsrRulesTest, ClustersCalledLikeWhatNamesEndInGetNoCertificate) {
  const std::string suffix = "open-cluster-management-agent-addon";
  const tunnel::NameRules names({}, {tunnel::Domain::Parse(suffix).value()});
  for (const std::string cluster : {"proxy", suffix.c_str()}) {
    json request = Request(kProxyAgentSigner);
    request["metadata"]["labels"]["open-cluster-management.io/cluster-name"] = cluster;
    request["spec"]["username"] = "system:open-cluster-management:" + cluster + ":agent-1";
    const CsrDecision decision = DecideRequest(request, registrations_, names);
    EXPECT_EQ(decision.action, Action::kPending) << cluster;
    EXPECT_THAT(decision.why, HasSubstr("no cluster may be called " + cluster));
  }
}

TEST_F(CsrRulesTest, LabelsProveNothing) {
  for (const char* user :
       {"system:open-cluster-management:tokyo:agent-1", "system:open-cluster-management:paris",
        "system:open-cluster-management:paris:", "system:open-cluster-management:paris:a:b",
        "system:open-cluster-management:parisian:agent-1", "system:admin", ""}) {
    json request = Request(kProxyAgentSigner);
    request["spec"]["username"] = user;
    const CsrDecision decision = Decide(request);
    EXPECT_EQ(decision.action, Action::kPending) << user;
    EXPECT_THAT(decision.why, HasSubstr("no agent of cluster paris"));
  }
}

TEST_F(CsrRulesTest, WaitsForTheAddonAndItsRegistration) {
  EXPECT_EQ(DecideRequest(Request(kProxyAgentSigner), std::nullopt, {}).action, Action::kPending);
  EXPECT_EQ(DecideRequest(Request(kProxyAgentSigner), std::vector<Registration>(), {}).action,
            Action::kPending);
  // The authority has changed: the registration will, and the agent will ask again.
  EXPECT_THAT(DecideRequest(Request(kProxyAgentSigner), RegistrationsOf("paris", "def"), {}).why,
              HasSubstr("OU"));
}

TEST_F(CsrRulesTest, NothingMayBeAskedForBeyondTheRegistration) {
  const auto changed = [this](auto change) {
    Registration registration = registrations_[0];
    change(registration);
    json request = Request(kKubeClientSigner);
    request["spec"]["request"] = absl::Base64Escape(RequestPem(registration));
    return Decide(request);
  };
  EXPECT_THAT(changed([](auto& r) { r.groups.push_back("system:masters"); }).why, HasSubstr("O"));
  EXPECT_THAT(changed([](auto& r) { r.user = "admin"; }).why, HasSubstr("CN"));
  EXPECT_THAT(changed([](auto& r) { r.organization_units = {"x"}; }).why, HasSubstr("OU"));
  json request = Request(kKubeClientSigner);
  request["spec"]["usages"].push_back("server auth");
  EXPECT_THAT(Decide(request).why, HasSubstr("usages"));
  for (const json& odd : {json::array(), json("client auth"), json{{"a", "client auth"}}}) {
    request["spec"]["usages"] = odd;
    EXPECT_THAT(Decide(request).why, HasSubstr("usages")) << odd;
  }
}

TEST_F(CsrRulesTest, BrokenRequestsStayPending) {
  json request = Request(kProxyAgentSigner);
  request["spec"]["request"] = "%%%";
  EXPECT_THAT(Decide(request).why, HasSubstr("Base64"));
  request["spec"]["request"] = absl::Base64Escape("-----BEGIN");
  EXPECT_THAT(Decide(request).why, HasSubstr("not a request in PEM"));
  request["spec"].erase("request");
  EXPECT_EQ(Decide(request).action, Action::kPending);
}

}  // namespace
}  // namespace hawser::addon_manager
