#include "addon-manager/authorities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::addon_manager {
namespace {

using absl::StatusCode;
using hawser::testing::IsOk;
using hawser::testing::IsOkAndHolds;
using hawser::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

class AuthoritiesTest : public ::testing::Test {
 protected:
  const pki::WallTime now_ =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const Authorities authorities_ = *MakeAuthorities(24h * 3650, now_);
};

TEST_F(AuthoritiesTest, EachTrustDomainHasItsOwn) {
  for (const auto& [name, rotation] : Authorities::Members()) {
    EXPECT_EQ((authorities_.*rotation).phase, CaRotation::Phase::kStable) << name;
    EXPECT_EQ((authorities_.*rotation).since, now_) << name;
    const auto signer = Signer(authorities_.*rotation);
    ASSERT_THAT(signer, IsOk());
    EXPECT_EQ(signer->certificate().common_name(), std::string("cluster-proxy ") + name);
    EXPECT_GT(signer->certificate().not_after(), now_ + 24h * 3649);
  }
  const TrustBundles bundles = authorities_.Bundles();
  EXPECT_EQ(bundles.agents, authorities_.agents.active.certificate);
  EXPECT_EQ(bundles.clients, authorities_.clients.active.certificate);
  EXPECT_EQ(bundles.servers, authorities_.servers.active.certificate);
  EXPECT_NE(bundles.agents, bundles.clients);
  EXPECT_NE(bundles.clients, bundles.servers);
}

TEST_F(AuthoritiesTest, HashesAreShortAndTellThemApart) {
  const std::string hash = AuthorityHash(authorities_.agents.active.certificate);
  EXPECT_EQ(hash.size(), 16u);
  EXPECT_NE(hash, AuthorityHash(authorities_.servers.active.certificate));
}

TEST_F(AuthoritiesTest, TheSecretKeepsAllOfThem) {
  Authorities rotating = authorities_;
  rotating.agents.phase = CaRotation::Phase::kTrustBoth;
  rotating.agents.other = *MakeAuthority("agents", 1h);
  rotating.agents.request = "spring";
  const auto data = ToSecretData(rotating);
  EXPECT_EQ(data.at("agents.phase"), "TrustBoth");
  EXPECT_EQ(data.at("servers.phase"), "Stable");
  EXPECT_FALSE(data.contains("servers.other.crt"));
  EXPECT_THAT(AuthoritiesFromSecretData(data), IsOkAndHolds(rotating));
}

TEST_F(AuthoritiesTest, ADamagedSecretIsNamedByTheKeyThatIsWrong) {
  const auto good = ToSecretData(authorities_);
  for (const char* key :
       {"agents.phase", "clients.since", "servers.active.key", "servers.active.crt"}) {
    auto data = good;
    data.erase(key);
    const std::string domain(key, std::string(key).find('.'));
    EXPECT_THAT(AuthoritiesFromSecretData(data),
                StatusIs(StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(domain),
                               HasSubstr("no " + std::string(key).substr(domain.size() + 1)))))
        << key;
  }
  auto data = good;
  data["clients.since"] = "yesterday";
  EXPECT_THAT(AuthoritiesFromSecretData(data),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("since")));
  data = good;
  data["agents.other.crt"] = data["agents.active.crt"];
  EXPECT_THAT(AuthoritiesFromSecretData(data),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no other.key")));
  EXPECT_THAT(AuthoritiesFromSecretData({}), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(AuthoritiesTest, ErrorsSayNothingOfKeys) {
  CaRotation rotation = authorities_.agents;
  rotation.active.key.insert(60, "?");
  const std::string planted = rotation.active.key.substr(40, 30);
  const auto broken = Signer(rotation);
  ASSERT_THAT(broken, Not(IsOk()));
  EXPECT_THAT(broken.status().ToString(), Not(HasSubstr(planted)));
  rotation.active.key = authorities_.servers.active.key;
  EXPECT_THAT(Signer(rotation), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace hawser::addon_manager
