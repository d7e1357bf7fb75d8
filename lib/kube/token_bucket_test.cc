#include "lib/kube/token_bucket.h"

#include <gtest/gtest.h>

namespace hawser::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const base::Time kStart{std::chrono::hours(1)};

TEST(TokenBucket, LetsABurstThroughThenSoManyPerSecond) {
  TokenBucket bucket(10, 2, kStart);
  EXPECT_EQ(bucket.Take(kStart), seconds(0));
  EXPECT_EQ(bucket.Take(kStart), seconds(0));
  EXPECT_EQ(bucket.Take(kStart), milliseconds(100));
  EXPECT_EQ(bucket.Take(kStart), milliseconds(200));
  // Both were waited for, and a third one has grown.
  EXPECT_EQ(bucket.Take(kStart + milliseconds(300)), seconds(0));
  EXPECT_EQ(bucket.Take(kStart + milliseconds(300)), milliseconds(100));
}

TEST(TokenBucket, HoldsNoMoreThanTheBurst) {
  TokenBucket bucket(10, 2, kStart);
  const base::Time later = kStart + std::chrono::hours(1);
  EXPECT_EQ(bucket.Take(later), seconds(0));
  EXPECT_EQ(bucket.Take(later), seconds(0));
  EXPECT_EQ(bucket.Take(later), milliseconds(100));
}

TEST(TokenBucket, TakesTokensBack) {
  TokenBucket bucket(10, 1, kStart);
  bucket.Take(kStart);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(bucket.Take(kStart), milliseconds(100));
    bucket.GiveBack();
  }
}

TEST(TokenBucket, MayHaveNoLimit) {
  TokenBucket bucket(0, 1, kStart);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(bucket.Take(kStart), seconds(0));
}

}  // namespace
}  // namespace hawser::kube
