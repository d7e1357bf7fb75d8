#include "lib/base/heap_trim.h"

#include <gtest/gtest.h>

namespace hawser::base {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;

TEST(HeapTrim, TrimsOnceAfterALargeFall) {
  HeapTrim trim;
  EXPECT_FALSE(trim.Observe(10 * kMiB));
  EXPECT_FALSE(trim.Observe(100 * kMiB));
  EXPECT_FALSE(trim.Observe(60 * kMiB)) << "most of it is still in use";
  EXPECT_FALSE(trim.Observe(50 * kMiB)) << "it falls still";
  EXPECT_TRUE(trim.Observe(50 * kMiB));
  EXPECT_FALSE(trim.Observe(50 * kMiB));
  EXPECT_FALSE(trim.Observe(30 * kMiB));
  EXPECT_FALSE(trim.Observe(0));
  EXPECT_TRUE(trim.Observe(0));
}

TEST(HeapTrim, LeavesTheUsualUpsAndDownsAlone) {
  HeapTrim trim;
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(trim.Observe(7 * kMiB));
    EXPECT_FALSE(trim.Observe(0));
  }
}

}  // namespace
}  // namespace hawser::base
