#include "lib/base/memory_limit.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using hawser::testing::IsOkAndHolds;
using hawser::testing::StatusIs;

constexpr uint64_t kMiB = 1 << 20;

// A machine's files.
class MemoryLimitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/machine.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  bool IsTheMachines() const { return MemoryLimit(root_) == MemoryLimit(root_ + "/nowhere"); }

  std::string root_;
};

TEST_F(MemoryLimitTest, WithoutGroupsItIsTheMachines) {
  EXPECT_GT(MemoryLimit(root_), 64 * kMiB);
  Write("/proc/self/cgroup", "nonsense\n\n0:\n");
  EXPECT_TRUE(IsTheMachines());
}

TEST_F(MemoryLimitTest, ReadsVersion2) {
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_TRUE(IsTheMachines());
  Write("/sys/fs/cgroup/memory.max", "100663296\n");
  EXPECT_EQ(MemoryLimit(root_), 96 * kMiB);
}

TEST_F(MemoryLimitTest, GroupsAboveCountToo) {
  Write("/proc/self/cgroup", "0::/pods/pod7/hub\n");
  Write("/sys/fs/cgroup/pods/pod7/hub/memory.max", "max\n");
  Write("/sys/fs/cgroup/pods/pod7/memory.max", "33554432\n");
  Write("/sys/fs/cgroup/pods/memory.max", "67108864\n");
  EXPECT_EQ(MemoryLimit(root_), 32 * kMiB);
}

TEST_F(MemoryLimitTest, AContainersGroupMayBeTheRootThatItSees) {
  Write("/proc/self/cgroup", "0::/../../kubepods/pod7/hub\n");
  Write("/sys/fs/cgroup/memory.max", "67108864\n");
  EXPECT_EQ(MemoryLimit(root_), 64 * kMiB);
}

TEST_F(MemoryLimitTest, ReadsVersion1) {
  Write("/proc/self/cgroup", "12:cpu,cpuacct:/hub\n5:memory:/hub\n0::/hub\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  Write("/sys/fs/cgroup/memory/hub/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_TRUE(IsTheMachines());
  Write("/sys/fs/cgroup/memory/hub/memory.limit_in_bytes", "50331648\n");
  EXPECT_EQ(MemoryLimit(root_), 48 * kMiB);
}

TEST(BufferBudget, IsAQuarterOfTheLimitWithinBounds) {
  EXPECT_THAT(BufferBudget("budget", 0, 128 * kMiB), IsOkAndHolds(32 * kMiB));
  EXPECT_THAT(BufferBudget("budget", 0, 32 * kMiB), IsOkAndHolds(16 * kMiB));
  EXPECT_THAT(BufferBudget("budget", 0, 64 * 1024 * kMiB), IsOkAndHolds(1024 * kMiB));
  EXPECT_THAT(BufferBudget("budget", 200 * kMiB, 128 * kMiB), IsOkAndHolds(200 * kMiB));
  for (const int64_t value : {int64_t{-1}, int64_t{1}})
    EXPECT_THAT(
        BufferBudget("budget", value, 128 * kMiB),
        StatusIs(absl::StatusCode::kInvalidArgument, "flag --budget: must be at least 16777216"));
}

}  // namespace
}  // namespace hawser::base
