#include "addon-manager/ca_rotation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/pki/authority.h"
#include "lib/testing/status_matchers.h"

namespace hawser::addon_manager {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using ::testing::HasSubstr;
using Phase = CaRotation::Phase;
using namespace std::chrono_literals;

absl::StatusOr<CaRotation::Pair> NewPair() {
  const auto authority = pki::Authority::Create("agents", 24h * 3650);
  return CaRotation::Pair{authority->certificate().ToPem(), authority->key().ToPem()};
}

class CaRotationTest : public ::testing::Test {
 protected:
  // One step, through the Secret as after a crash.
  void Step() {
    const auto stored = FromSecretData(ToSecretData(state_));
    ASSERT_THAT(stored, IsOk());
    ASSERT_EQ(*stored, state_);
    auto next = Advance(*stored, facts_, now_, &NewPair);
    ASSERT_THAT(next, IsOk());
    state_ = *std::move(next);
  }
  void ExpectPhase(Phase phase) {
    Step();
    EXPECT_STREQ(PhaseName(state_.phase), PhaseName(phase));
  }
  static bool Has(const std::string& bundle, const CaRotation::Pair& pair) {
    return bundle.find(pair.certificate) != std::string::npos;
  }

  pki::WallTime now_ = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  CaRotation state_{.since = now_, .active = *NewPair()};
  RotationFacts facts_;
};

TEST_F(CaRotationTest, RestsUntilSomethingIsDue) {
  facts_.renew_before = 24h * 365;
  ExpectPhase(Phase::kStable);
  EXPECT_EQ(state_.Bundle(), state_.active.certificate);
  now_ += 24h * 3650 - 24h * 365 + 1h;
  ExpectPhase(Phase::kPrepare);
}

TEST_F(CaRotationTest, GoesThroughEveryPhaseAndNeverSignsWithWhatIsNotTrusted) {
  const CaRotation::Pair old = state_.active;
  facts_.request = "2026-11-21";
  ExpectPhase(Phase::kPrepare);
  EXPECT_EQ(state_.active, old);
  EXPECT_EQ(state_.Bundle(), old.certificate) << "not stored yet when it was made";
  const CaRotation::Pair fresh = *state_.other;

  ExpectPhase(Phase::kTrustBoth);
  EXPECT_EQ(state_.active, old);
  EXPECT_TRUE(Has(state_.Bundle(), fresh));
  ExpectPhase(Phase::kTrustBoth);  // not everywhere yet

  facts_.bundle_delivered = true;
  facts_.other_leaves_alive = true;
  ExpectPhase(Phase::kSignWithNew);
  EXPECT_EQ(state_.active, fresh);
  EXPECT_TRUE(Has(state_.Bundle(), old));
  ExpectPhase(Phase::kSignWithNew);  // old leaves are in use

  facts_.other_leaves_alive = false;
  ExpectPhase(Phase::kRetire);
  EXPECT_EQ(state_.Bundle(), fresh.certificate);
  ExpectPhase(Phase::kStable);
  EXPECT_FALSE(state_.other);
  ExpectPhase(Phase::kStable);  // the request was heeded once
}

TEST_F(CaRotationTest, RollsBackUntilTheOldOneIsRetired) {
  const CaRotation::Pair old = state_.active;
  facts_.request = "now";
  ExpectPhase(Phase::kPrepare);
  ExpectPhase(Phase::kTrustBoth);
  facts_.bundle_delivered = true;
  facts_.other_leaves_alive = true;
  ExpectPhase(Phase::kSignWithNew);
  facts_.roll_back = true;
  ExpectPhase(Phase::kRollBack);
  EXPECT_EQ(state_.active, old);
  EXPECT_TRUE(Has(state_.Bundle(), *state_.other)) << "its leaves are still in use";
  ExpectPhase(Phase::kRollBack);
  facts_.other_leaves_alive = false;
  ExpectPhase(Phase::kStable);
  EXPECT_EQ(state_.Bundle(), old.certificate);
}

TEST_F(CaRotationTest, BeforeAnythingWasSignedRollingBackIsAtOnce) {
  facts_.request = "now";
  ExpectPhase(Phase::kPrepare);
  ExpectPhase(Phase::kTrustBoth);
  facts_.roll_back = true;
  ExpectPhase(Phase::kStable);
  EXPECT_FALSE(state_.other);
}

TEST_F(CaRotationTest, RetiredIsRetired) {
  state_.other = *NewPair();
  state_.phase = Phase::kRetire;
  facts_.roll_back = true;
  ExpectPhase(Phase::kRetire);
  facts_.bundle_delivered = true;
  ExpectPhase(Phase::kStable);
}

TEST_F(CaRotationTest, BrokenStatesAreRefused) {
  state_.phase = Phase::kSignWithNew;
  EXPECT_THAT(Advance(state_, facts_, now_, &NewPair),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("SignWithNew")));
  auto data = ToSecretData(state_);
  data["phase"] = "Spring";
  EXPECT_THAT(FromSecretData(data),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("phase is unknown")));
  data = ToSecretData(state_);
  data.erase("active.key");
  EXPECT_THAT(FromSecretData(data),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no active.key")));
}

}  // namespace
}  // namespace hawser::addon_manager
