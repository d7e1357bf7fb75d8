#include "lib/kube/conditions.h"

#include <gtest/gtest.h>

namespace hawser::kube {
namespace {

using nlohmann::json;

const WallTime kEarlier = *ParseTimestamp("2026-01-01T00:00:00Z");
const WallTime kLater = *ParseTimestamp("2026-01-02T00:00:00Z");

TEST(ConditionsTest, AreMadeWithTheListThatHoldsThem) {
  json conditions;
  SetCondition(conditions, {"Ready", true, "Works", "all is well"}, 3, kEarlier);
  EXPECT_EQ(conditions, json::parse(R"([
    {"type": "Ready", "status": "True", "reason": "Works", "message": "all is well",
     "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 3}])"));
}

TEST(ConditionsTest, TheTimeOfTransitionIsThatOfTheStatus) {
  json conditions;
  SetCondition(conditions, {"Ready", false, "Waits", "1 of 3"}, 1, kEarlier);
  const json before = conditions;
  SetCondition(conditions, {"Ready", false, "Waits", "1 of 3"}, 1, kLater);
  EXPECT_EQ(conditions, before);
  SetCondition(conditions, {"Ready", false, "StillWaits", "2 of 3"}, 2, kLater);
  EXPECT_EQ(conditions[0]["message"], "2 of 3");
  EXPECT_EQ(conditions[0]["reason"], "StillWaits");
  EXPECT_EQ(conditions[0]["observedGeneration"], 2);
  EXPECT_EQ(conditions[0]["lastTransitionTime"], "2026-01-01T00:00:00Z");
  SetCondition(conditions, {"Ready", true, "Works", "3 of 3"}, 2, kLater);
  EXPECT_EQ(conditions[0]["lastTransitionTime"], "2026-01-02T00:00:00Z");
  EXPECT_EQ(conditions.size(), 1u);
}

TEST(ConditionsTest, OthersKeepTheirPlace) {
  json conditions = json::parse(R"([7, {"type": "Other", "status": "True"}])");
  const json before = conditions;
  SetCondition(conditions, {"Ready", true, "Works", ""}, 0, kEarlier);
  ASSERT_EQ(conditions.size(), 3u);
  EXPECT_EQ(conditions[0], before[0]);
  EXPECT_EQ(conditions[1], before[1]);
  EXPECT_FALSE(conditions[2].contains("observedGeneration"));
}

TEST(ConditionsTest, AreFoundInAnyObject) {
  const json object = json::parse(R"({"status": {"conditions": [
    {"type": "Good", "status": "True"}, {"type": "Bad", "status": "False"}, {"type": "Odd"}]}})");
  EXPECT_TRUE(IsConditionTrue(object, "Good"));
  EXPECT_FALSE(IsConditionTrue(object, "Bad"));
  EXPECT_NE(FindCondition(object, "Bad"), nullptr);
  EXPECT_FALSE(IsConditionTrue(object, "Odd"));
  EXPECT_EQ(FindCondition(object, "None"), nullptr);
  EXPECT_FALSE(IsConditionTrue(json(), "Good"));
  EXPECT_FALSE(IsConditionTrue(json{{"status", {{"conditions", "x"}}}}, "Good"));
}

}  // namespace
}  // namespace hawser::kube
