#include "addon-manager/agent_leaves.h"

#include <gtest/gtest.h>

#include "addon-manager/names.h"

namespace hawser::addon_manager {
namespace {

using namespace std::chrono_literals;

const kube::WallTime kMorning = *kube::ParseTimestamp("2026-11-21T08:00:00Z");
const AgentLeaf kOld{"old", kMorning};
const AgentLeaf kNew{"new", kMorning + 1h};

kube::Object Work(const AgentLeaf& leaf) {
  return {{"metadata", {{"annotations", AgentLeafAnnotations(leaf)}}}};
}

TEST(AgentLeavesTest, AnnotationsAreReadAsTheyWereWritten) {
  const kube::Object work = Work(kOld);
  EXPECT_EQ(AgentLeafOf(&work), kOld);
  EXPECT_TRUE(AgentLeafAnnotations(std::nullopt).empty());
}

TEST(AgentLeavesTest, WorksMaySayNothing) {
  EXPECT_EQ(AgentLeafOf(nullptr), std::nullopt);
  kube::Object work = Work(kOld);
  work["metadata"]["annotations"][kAgentSignedAnnotation] = "yesterday";
  EXPECT_EQ(AgentLeafOf(&work), std::nullopt);
  work = Work(kOld);
  work["metadata"]["annotations"].erase(kAgentAuthorityAnnotation);
  EXPECT_EQ(AgentLeafOf(&work), std::nullopt);
}

TEST(AgentLeavesTest, TheLatestCounts) {
  AgentLeaves leaves;
  EXPECT_EQ(leaves.Latest("paris", nullptr), std::nullopt);
  leaves.Record("paris", kNew);
  leaves.Record("paris", kOld);
  EXPECT_EQ(leaves.Latest("paris", nullptr), kNew);
  EXPECT_EQ(leaves.Latest("tokyo", nullptr), std::nullopt);

  const kube::Object old_work = Work(kOld);
  EXPECT_EQ(leaves.Latest("paris", &old_work), kNew);
  const kube::Object later_work = Work({"newest", kMorning + 2h});
  EXPECT_EQ(leaves.Latest("paris", &later_work)->authority, "newest");
}

TEST(AgentLeavesTest, WhatIsWrittenIsNoOlderThanWhatWasRecorded) {
  AgentLeaves leaves;
  const AgentLeaf precise{"new", kMorning + 1h + 999ms};
  leaves.Record("paris", precise);
  const kube::Object work = Work(precise);
  EXPECT_EQ(leaves.Latest("paris", &work), kNew) << "or its annotation changed for ever";
}

TEST(AgentLeavesTest, TwoMayBeSignedInOneSecond) {
  AgentLeaves leaves;
  const kube::Object work = Work({"old", kMorning + 100ms});
  leaves.Record("paris", {"new", kMorning + 800ms});
  EXPECT_EQ(leaves.Latest("paris", &work)->authority, "new");
}

TEST(AgentLeavesTest, ForgottenOnesAreGone) {
  AgentLeaves leaves;
  leaves.Record("paris", kNew);
  leaves.Forget("paris");
  EXPECT_EQ(leaves.Latest("paris", nullptr), std::nullopt);
}

}  // namespace
}  // namespace hawser::addon_manager
