#include "lib/base/descriptor_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using ::testing::ExitedWithCode;

void Limit(rlim_t soft, rlim_t hard) {
  const rlimit limit{soft, hard};
  setrlimit(RLIMIT_NOFILE, &limit);
}

rlim_t SoftLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// Limits stay for the life of the process: each test has one of its own.
TEST(DescriptorLimitDeathTest, IsRaisedToTheHardOneAndSaysSo) {
  EXPECT_EXIT(
      {
        Limit(100, 200);
        RaiseDescriptorLimit();
        std::exit(SoftLimit() == 200 ? 0 : 1);
      },
      ExitedWithCode(0), "limit of file descriptors raised from 100 to 200\n$");
}

TEST(DescriptorLimitDeathTest, WhatIsRaisedAlreadyStays) {
  EXPECT_EXIT(
      {
        Limit(200, 200);
        RaiseDescriptorLimit();
        std::exit(SoftLimit() == 200 ? 0 : 1);
      },
      ExitedWithCode(0), "^$");
}

TEST(DescriptorLimitDeathTest, TooLowALimitIsNamed) {
  EXPECT_EXIT(
      {
        Limit(100, 100);
        EXPECT_THAT(NeedDescriptors(100), IsOk());
        EXPECT_THAT(NeedDescriptors(101),
                    StatusIs(absl::StatusCode::kResourceExhausted,
                             "file descriptors are limited to 100 (ulimit -n), at least 101 are "
                             "needed"));
        std::exit(::testing::Test::HasFailure() ? 1 : 0);
      },
      ExitedWithCode(0), "");
}

}  // namespace
}  // namespace hawser::base
