#include "lib/base/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using hawser::testing::IsOk;
using hawser::testing::IsOkAndHolds;
using hawser::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ErrnoStatus, HasTheSystemsTextInLowerCaseAndAMatchingCode) {
  EXPECT_THAT(ErrnoStatus(ENOENT, "open /missing"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("open /missing: no such file")));
  EXPECT_THAT(ErrnoStatus(EACCES, "open /key"), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST(Annotate, PutsTheContextInFrontAndKeepsTheCode) {
  EXPECT_THAT(Annotate(absl::NotFoundError("no such file"), "loading ca.crt"),
              StatusIs(absl::StatusCode::kNotFound, "loading ca.crt: no such file"));
  EXPECT_THAT(Annotate(absl::OkStatus(), "loading ca.crt"), IsOk());
}

absl::StatusOr<std::unique_ptr<int>> Make(absl::Status status) {
  HAWSER_RETURN_IF_ERROR(status);
  return std::make_unique<int>(7);
}

absl::StatusOr<int> Value(absl::Status status) {
  HAWSER_ASSIGN_OR_RETURN(std::unique_ptr<int> value, Make(status));
  HAWSER_ASSIGN_OR_RETURN(const std::unique_ptr<int> other, Make(status));
  return *value + *other;
}

TEST(Macros, ReturnTheFirstErrorAndMoveTheValue) {
  EXPECT_THAT(Value(absl::OkStatus()), IsOkAndHolds(14));
  EXPECT_THAT(Value(absl::AbortedError("stop")),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("stop")));
  EXPECT_THAT(Value(absl::AbortedError("stop")), Not(IsOk()));
}

}  // namespace
}  // namespace hawser::base
