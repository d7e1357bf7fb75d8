#include "addon-manager/rotation_facts.h"

#include <gtest/gtest.h>

#include <deque>

#include "addon-manager/agent_leaves.h"
#include "addon-manager/names.h"

namespace hawser::addon_manager {
namespace {

using Phase = CaRotation::Phase;
using namespace std::chrono_literals;

constexpr char kBundle[] = "BUNDLE";

class RotationFactsTest : public ::testing::Test {
 protected:
  RotationFactsTest() {
    for (const auto& member : Authorities::Members()) {
      CaRotation& rotation = authorities_.*member.rotation;
      rotation = {.phase = Phase::kSignWithNew,
                  .since = since_,
                  .active = {"NEW", "key"},
                  .other = CaRotation::Pair{"OLD", "key"},
                  .request = "spring"};
    }
  }

  // A cluster whose ManifestWork is applied as it is.
  kube::Object& AddWork(const std::string& cluster) {
    works_.push_back(
        {{"metadata",
          {{"namespace", cluster},
           {"name", kManifestWork},
           {"generation", 2},
           {"annotations", {{kTrustAnnotation, BundleHash(kBundle)}}}}},
         {"status",
          {{"conditions",
            {{{"type", "Applied"}, {"status", "True"}, {"observedGeneration", 2}}}}}}});
    clusters_.push_back(
        {{"metadata", {{"name", cluster}}},
         {"status",
          {{"conditions", {{{"type", "ManagedClusterConditionAvailable"}, {"status", "True"}}}}}}});
    return works_.back();
  }
  static void SignedBy(kube::Object& work, const std::string& authority, pki::WallTime when) {
    for (const auto& [name, value] :
         AgentLeafAnnotations(AgentLeaf{AuthorityHash(authority), when}))
      work["metadata"]["annotations"][name] = value;
  }
  void Annotate(const char* name, const std::string& value) {
    configuration_["metadata"]["annotations"][name] = value;
  }

  RotationFacts Facts(const std::string& name) const {
    const auto all = [](const std::deque<kube::Object>& objects) {
      std::vector<kube::ObjectPtr> pointers;
      for (const kube::Object& object : objects)
        pointers.push_back(std::make_shared<const kube::Object>(object));
      return pointers;
    };
    const RotationWorld world{.configuration = configuration_,
                              .clusters = all(clusters_),
                              .works = all(works_),
                              .server_bundle = kBundle,
                              .written_at = written_at_,
                              .now = now_};
    for (const auto& member : Authorities::Members())
      if (member.name == name) return FactsOf(member, authorities_, settings_, world);
    ADD_FAILURE() << "no authority " << name;
    return {};
  }

  const pki::WallTime since_ = *kube::ParseTimestamp("2026-11-21T08:00:00Z");
  pki::WallTime written_at_ = since_;
  pki::WallTime now_ = since_ + 1h;
  RotationSettings settings_{.replaced_link = 10min};
  Authorities authorities_;
  kube::Object configuration_ = kube::Object::object();
  std::deque<kube::Object> clusters_;
  std::deque<kube::Object> works_;
};

TEST_F(RotationFactsTest, NothingIsDeliveredBeforeItsTime) {
  for (const char* name : {"agents", "clients", "servers"}) {
    now_ = since_ + settings_.delivery - 1s;
    EXPECT_FALSE(Facts(name).bundle_delivered) << name;
    EXPECT_TRUE(Facts(name).other_leaves_alive) << name;
    now_ = since_ + settings_.delivery;
    EXPECT_TRUE(Facts(name).bundle_delivered) << name;
  }
}

TEST_F(RotationFactsTest, TheTimeCountsFromWhenItWasWritten) {
  written_at_ = now_;  // as after a restart
  for (const char* name : {"agents", "clients", "servers"})
    EXPECT_FALSE(Facts(name).bundle_delivered) << name;
  now_ += settings_.delivery;
  for (const char* name : {"agents", "clients", "servers"})
    EXPECT_TRUE(Facts(name).bundle_delivered) << name;
}

TEST_F(RotationFactsTest, ServersAreTrustedOnceEveryReachableSpokeHasTheBundle) {
  AddWork("tokyo");
  kube::Object& work = AddWork("paris");
  EXPECT_TRUE(Facts("servers").bundle_delivered);

  work["metadata"]["annotations"][kTrustAnnotation] = BundleHash("ANOTHER");
  EXPECT_FALSE(Facts("servers").bundle_delivered) << "it has not even been written";
  EXPECT_TRUE(Facts("agents").bundle_delivered) << "hub pods only";
  EXPECT_TRUE(Facts("clients").bundle_delivered) << "hub pods only";
  work["metadata"]["annotations"][kTrustAnnotation] = BundleHash(kBundle);

  work["metadata"]["generation"] = 3;
  EXPECT_FALSE(Facts("servers").bundle_delivered) << "an earlier one was applied";
  work["metadata"]["generation"] = 2;

  work["status"]["conditions"][0]["status"] = "False";
  EXPECT_FALSE(Facts("servers").bundle_delivered) << "it could not be applied";
  work.erase("status");
  EXPECT_FALSE(Facts("servers").bundle_delivered) << "nobody has seen it";
}

TEST_F(RotationFactsTest, ClustersThatAreOfflineHoldUpNobody) {
  AddWork("paris").erase("status");
  clusters_.back()["status"]["conditions"][0]["status"] = "Unknown";
  EXPECT_TRUE(Facts("servers").bundle_delivered);
  clusters_.clear();  // deleted
  EXPECT_TRUE(Facts("servers").bundle_delivered);
}

TEST_F(RotationFactsTest, TheServersOldLeavesAreOurPodsOwn) {
  SignedBy(AddWork("paris"), "OLD", since_ - 1h);
  EXPECT_FALSE(Facts("servers").other_leaves_alive);
}

TEST_F(RotationFactsTest, AgentsAreWaitedForUntilTheirCertificatesExpire) {
  SignedBy(AddWork("tokyo"), "NEW", since_ + 10min);
  EXPECT_FALSE(Facts("agents").other_leaves_alive);
  kube::Object& work = AddWork("paris");
  EXPECT_FALSE(Facts("agents").other_leaves_alive) << "it never had a certificate";
  SignedBy(work, "OLD", since_ - 1h);
  EXPECT_TRUE(Facts("agents").other_leaves_alive);
  clusters_.back()["status"]["conditions"][0]["status"] = "Unknown";
  EXPECT_TRUE(Facts("agents").other_leaves_alive) << "it may come back";

  now_ = since_ + settings_.agent_leaf_lifetime - 1s;
  EXPECT_TRUE(Facts("agents").other_leaves_alive);
  now_ += 1s;
  EXPECT_FALSE(Facts("agents").other_leaves_alive);
}

TEST_F(RotationFactsTest, ANewCertificateNeedsTimeToGetToItsAgentAndTheOldLinkToDrain) {
  kube::Object& work = AddWork("paris");
  const auto in_use = settings_.delivery + settings_.replaced_link;
  SignedBy(work, "NEW", now_ - in_use + 1s);
  EXPECT_TRUE(Facts("agents").other_leaves_alive);
  SignedBy(work, "NEW", now_ - in_use);
  EXPECT_FALSE(Facts("agents").other_leaves_alive);
}

TEST_F(RotationFactsTest, HubClientsAreWaitedForUntilTheirCertificatesExpire) {
  now_ = since_ + settings_.leaf_lifetime - 1s;
  EXPECT_TRUE(Facts("clients").other_leaves_alive);
  now_ += 1s;
  EXPECT_FALSE(Facts("clients").other_leaves_alive);
}

TEST_F(RotationFactsTest, OperatorsAskByName) {
  EXPECT_EQ(Facts("agents").request, "");
  EXPECT_EQ(Facts("agents").renew_before, settings_.authority_renew_before);
  Annotate(kRotateAnnotation, "autumn");
  EXPECT_EQ(Facts("agents").request, "autumn");
  EXPECT_FALSE(Facts("agents").roll_back);
}

TEST_F(RotationFactsTest, OnlyTheRotationThatIsNamedIsRolledBack) {
  EXPECT_EQ(RotationName(authorities_.agents), "spring");
  Annotate(kRollBackAnnotation, "autumn");
  EXPECT_FALSE(Facts("agents").roll_back);
  Annotate(kRollBackAnnotation, "spring");
  EXPECT_TRUE(Facts("agents").roll_back);
  EXPECT_EQ(Facts("agents").renew_before, settings_.authority_renew_before);
  authorities_.agents.phase = Phase::kStable;
  EXPECT_FALSE(Facts("agents").roll_back) << "there is none";
}

TEST_F(RotationFactsTest, AScheduledRotationThatIsRolledBackDoesNotBeginAnew) {
  authorities_.agents.request.clear();
  EXPECT_EQ(RotationName(authorities_.agents), "scheduled");
  Annotate(kRollBackAnnotation, "scheduled");
  EXPECT_TRUE(Facts("agents").roll_back);
  EXPECT_FALSE(Facts("clients").roll_back) << "its rotation was asked for";
  EXPECT_EQ(Facts("agents").renew_before, 0s);
}

}  // namespace
}  // namespace hawser::addon_manager
