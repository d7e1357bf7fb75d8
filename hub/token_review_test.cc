#include "hub/token_review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>

#include "lib/kube/fake_api_server.h"
#include "lib/testing/status_matchers.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;

constexpr char kUser[] = "system:serviceaccount:kube-system:konnectivity-agent";
constexpr char kAudience[] = "system:konnectivity-server";

class TokenReviewTest : public ::testing::Test {
 protected:
  void SetUp() override {
    AddToken("s3cret-good", kUser);
    Start({});
  }
  void AddToken(const std::string& token, const std::string& user,
                const std::string& audience = kAudience) {
    api_.AddToken(token, {.authenticated = true, .username = user, .audiences = {audience}});
  }
  void Start(TokenReview::Options options) {
    options.user = kUser;
    options.audience = kAudience;
    review_ = std::make_unique<TokenReview>(api_.config(), options);
  }
  // The verdict, once there is one. Broken when it was dropped.
  std::future<absl::Status> Ask(const std::string& token) {
    std::promise<absl::Status> promise;
    auto verdict = promise.get_future();
    review_->Authenticate(token,
                          [promise = std::move(promise)](const absl::Status& status) mutable {
                            promise.set_value(status);
                          });
    return verdict;
  }
  void AwaitReviews(int count) {
    while (api_.Count("POST", "/tokenreviews") < count) std::this_thread::yield();
  }

  kube::FakeApiServer api_;
  std::unique_ptr<TokenReview> review_;
};

TEST_F(TokenReviewTest, LetsTheServiceAccountInAndNobodyElse) {
  AddToken("s3cret-other", "system:serviceaccount:default:default");
  AddToken("s3cret-elsewhere", kUser, "https://kubernetes.default.svc");
  EXPECT_THAT(Ask("s3cret-good").get(), IsOk());
  EXPECT_THAT(Ask("s3cret-other").get(),
              StatusIs(StatusCode::kPermissionDenied,
                       HasSubstr("of user \"system:serviceaccount:default:default\", not of " +
                                 std::string(kUser))));
  for (const char* token : {"s3cret-unknown", "s3cret-elsewhere", "not a token", ""})
    EXPECT_THAT(Ask(token).get(),
                StatusIs(StatusCode::kUnauthenticated,
                         HasSubstr("not one of the Kubernetes API for system:konnectivity-server")))
        << token;
}

TEST_F(TokenReviewTest, ErrorsAreNoVerdicts) {
  // What the API server thinks of this hub is nothing that the agent is told, or judged by.
  for (const int status : {400, 401, 403, 500, 503}) {
    api_.Script({.status = status, .body = R"({"kind":"Status","message":"because 10.0.0.1"})"});
    EXPECT_THAT(std::string(Ask("s3cret-good").get().ToString()),
                "UNAVAILABLE: its token could not be checked now")
        << status;
  }
  EXPECT_THAT(Ask("s3cret-good").get(), IsOk()) << "it is asked again";
}

TEST_F(TokenReviewTest, OnlySoManyWait) {
  Start({.threads = 1, .max_waiting = 2});
  api_.Script({.target = "/tokenreviews", .held = true});
  auto asked = Ask("s3cret-good");
  AwaitReviews(1);
  auto first = Ask("s3cret-1"), second = Ask("s3cret-2");
  EXPECT_THAT(Ask("s3cret-3").get(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("too many tokens wait")));
  api_.ClearScript();
  EXPECT_THAT(asked.get(), IsOk());
  EXPECT_THAT(first.get(), StatusIs(StatusCode::kUnauthenticated));
  EXPECT_THAT(second.get(), StatusIs(StatusCode::kUnauthenticated));
}

TEST_F(TokenReviewTest, WhatIsKnownWaitsForNobody) {
  Start({.threads = 1});
  ASSERT_THAT(Ask("s3cret-good").get(), IsOk());
  api_.Script({.target = "/tokenreviews", .held = true});
  auto slow = Ask("s3cret-slow");
  AwaitReviews(2);
  EXPECT_THAT(Ask("s3cret-good").get(), IsOk());
  api_.ClearScript();
  EXPECT_THAT(slow.get(), StatusIs(StatusCode::kUnauthenticated));
}

TEST_F(TokenReviewTest, EndsInTheMiddleOfAReview) {
  Start({.threads = 1});
  api_.Script({.target = "/tokenreviews", .held = true});
  auto asked = Ask("s3cret-good"), waiting = Ask("s3cret-1");
  AwaitReviews(1);
  review_.reset();
  EXPECT_THROW(asked.get(), std::future_error) << "dropped";
  EXPECT_THROW(waiting.get(), std::future_error) << "dropped";
}

}  // namespace
}  // namespace hawser::hub
