#include "addon-manager/leaf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::addon_manager {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using std::chrono::seconds;
using ::testing::ElementsAre;
using namespace std::chrono_literals;

class LeafTest : public ::testing::Test {
 protected:
  Leaf Issue(std::chrono::seconds lifetime = 24h * 90) const {
    auto leaf = IssueLeaf(authority_, profile_, lifetime);
    EXPECT_THAT(leaf, IsOk());
    return leaf.value_or(Leaf());
  }
  std::string Why(const Leaf& leaf) const {
    return WhyDue(leaf, profile_, authority_.certificate(), now_);
  }

  const pki::WallTime issued_ = std::chrono::floor<seconds>(std::chrono::system_clock::now());
  pki::WallTime now_ = issued_;
  const pki::Authority authority_ = *pki::Authority::Create("servers", 24h * 3650);
  LeafProfile profile_{.common_name = "proxy-server",
                       .names = {"dns:hub.example", "dns:localhost", "ip:127.0.0.1", "ip:::1"},
                       .server = true};
};

TEST_F(LeafTest, IsWhatItsProfileSays) {
  const auto certificate = pki::Certificate::FromPem(Issue().certificate);
  ASSERT_THAT(certificate, IsOk());
  EXPECT_EQ(certificate->common_name(), "proxy-server");
  EXPECT_THAT(certificate->usages(), ElementsAre("server"));
  EXPECT_TRUE(certificate->IsSignedBy(authority_.certificate()));
  EXPECT_EQ(Why(Issue()), "");

  profile_ = {.common_name = "proxy-client", .names = {"uri:spiffe://hawser/client/x"}};
  const Leaf client = Issue();
  EXPECT_THAT(pki::Certificate::FromPem(client.certificate)->usages(), ElementsAre("client"));
  EXPECT_EQ(Why(client), "");
}

TEST_F(LeafTest, IsDueWhenItIsNotThereOrBroken) {
  const Leaf good = Issue();
  EXPECT_EQ(Why({}), "there is none");
  EXPECT_EQ(Why({good.certificate, ""}), "there is none");
  EXPECT_EQ(Why({"", good.key}), "there is none");
  EXPECT_EQ(Why({"-----BEGIN CERTIFICATE-----", good.key}), "it is damaged");
  EXPECT_EQ(Why({good.certificate, Issue().key}), "its key is another's");
  EXPECT_EQ(Why({good.certificate, "no key"}), "its key is another's");
}

TEST_F(LeafTest, IsDueWhenAnotherAuthoritySigns) {
  const auto next = pki::Authority::Create("servers", 24h * 3650);
  EXPECT_EQ(WhyDue(Issue(), profile_, next->certificate(), now_), "another authority signs now");
}

TEST_F(LeafTest, IsDueWhenItsNamesChange) {
  const Leaf leaf = Issue();
  profile_.names.emplace_back("ip:203.0.113.7");
  EXPECT_EQ(Why(leaf), "its names have changed");
}

TEST_F(LeafTest, IsDueAtTwoThirdsOfItsLife) {
  const Leaf leaf = Issue(90h);
  const auto renewal = RenewalTime(leaf.certificate);
  ASSERT_THAT(renewal, IsOk());
  // It was issued within the minutes that a test may take.
  EXPECT_GE(*renewal, issued_ + 60h - 1min);
  EXPECT_LE(*renewal, issued_ + 60h + 10min);
  now_ = *renewal - 1s;
  EXPECT_EQ(Why(leaf), "");
  now_ = *renewal;
  EXPECT_EQ(Why(leaf), "two thirds of its life are over");
  EXPECT_THAT(RenewalTime("damaged"), StatusIs(absl::StatusCode::kInvalidArgument));
}

// For clocks that are behind, certificates begin minutes before they are issued.
TEST_F(LeafTest, AShortLifeIsNotOverWhenItBegins) {
  const Leaf leaf = Issue(60s);
  EXPECT_EQ(Why(leaf), "");
  const auto renewal = RenewalTime(leaf.certificate);
  ASSERT_THAT(renewal, IsOk());
  EXPECT_GE(*renewal, issued_ + 40s);
}

}  // namespace
}  // namespace hawser::addon_manager
