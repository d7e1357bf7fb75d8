#include "lib/kube/api_error.h"

#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

std::string Body(const std::string& reason) {
  return Object({{"kind", "Status"}, {"reason", reason}, {"message", "it failed"}}).dump();
}

TEST(ApiError, HasTheServersReasonAndMessage) {
  using Code = absl::StatusCode;
  const std::tuple<int, const char*, Code> cases[] = {
      {400, "BadRequest", Code::kInvalidArgument},
      {401, "Unauthorized", Code::kUnauthenticated},
      {403, "Forbidden", Code::kPermissionDenied},
      {404, "NotFound", Code::kNotFound},
      {405, "MethodNotAllowed", Code::kUnimplemented},
      {409, "AlreadyExists", Code::kAlreadyExists},
      {409, "Conflict", Code::kAborted},
      {410, "Expired", Code::kOutOfRange},
      {413, "RequestEntityTooLarge", Code::kResourceExhausted},
      {422, "Invalid", Code::kInvalidArgument},
      {429, "TooManyRequests", Code::kResourceExhausted},
      {500, "InternalError", Code::kInternal},
      {503, "ServiceUnavailable", Code::kUnavailable},
      {504, "Timeout", Code::kDeadlineExceeded},
  };
  for (const auto& [http_status, reason, code] : cases) {
    const absl::Status error = ApiError(http_status, Body(reason));
    EXPECT_THAT(error, StatusIs(code, "it failed (" + std::string(reason) + ")"));
    EXPECT_EQ(HttpStatusOf(error), http_status);
    EXPECT_EQ(ReasonOf(error), reason);
  }
}

TEST(ApiError, TellsConflictsAndGone) {
  EXPECT_TRUE(IsConflict(ApiError(409, Body("Conflict"))));
  EXPECT_FALSE(IsConflict(ApiError(409, Body("AlreadyExists"))));
  EXPECT_FALSE(IsConflict(absl::AbortedError("another one")));
  EXPECT_TRUE(IsGone(ApiError(410, Body("Gone"))));
  EXPECT_TRUE(IsGone(InContext(ApiError(410, Body("Expired")), "list secrets")));
  EXPECT_FALSE(IsGone(absl::OutOfRangeError("another one")));
}

TEST(ApiError, CopesWithAnyBody) {
  EXPECT_THAT(ApiError(502, "<html>Bad Gateway</html>\nmore"),
              StatusIs(absl::StatusCode::kUnavailable,
                       "the API server answered 502: <html>Bad Gateway</html>"));
  EXPECT_THAT(ApiError(500, ""), StatusIs(absl::StatusCode::kInternal, HasSubstr("500")));
  EXPECT_THAT(ApiError(404, "404 page not found"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("page not found")));
  const Object endless = {{"kind", "Status"}, {"message", std::string(100'000, 'x')}};
  EXPECT_LT(ApiError(400, endless.dump()).message().size(), 2000u);
}

TEST(ApiError, InAStreamHasItsOwnCode) {
  EXPECT_TRUE(IsGone(ApiErrorFromObject({{"code", 410}, {"reason", "Expired"}})));
  EXPECT_THAT(ApiErrorFromObject({{"code", "x"}}), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(ApiErrorFromObject({{"code", 7}}), StatusIs(absl::StatusCode::kInternal));
}

TEST(InContext, KeepsAllElse) {
  const absl::Status error = InContext(ApiError(409, Body("Conflict")), "update leases a/b");
  EXPECT_THAT(error,
              StatusIs(absl::StatusCode::kAborted, "update leases a/b: it failed (Conflict)"));
  EXPECT_TRUE(IsConflict(error));
  EXPECT_TRUE(InContext(absl::OkStatus(), "x").ok());
}

}  // namespace
}  // namespace hawser::kube
