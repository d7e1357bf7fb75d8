#include "lib/kube/token_review.h"

#include <gtest/gtest.h>

#include <thread>

#include "lib/kube/fake_api_server.h"
#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::IsOkAndHolds;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

const TokenIdentity kAgent{.authenticated = true,
                           .username = "system:serviceaccount:kube-system:agent",
                           .groups = {"system:serviceaccounts"},
                           .audiences = {"hub"}};

class TokenReviewTest : public ::testing::Test {
 protected:
  TokenReviewTest() { server_.AddToken("good", kAgent); }

  TokenReviewer::Options Options() {
    return {.audiences = {"hub", "another"}, .max_kept = 3, .now = [this] { return now_; }};
  }
  int Asked() const { return server_.Count("POST", "tokenreviews"); }

  base::Time now_{std::chrono::hours(1)};
  FakeApiServer server_;
  Client client_{server_.config(), {.qps = 0}};
  TokenReviewer reviewer_{client_, Options()};
};

TEST_F(TokenReviewTest, TellsWhoItIs) {
  EXPECT_THAT(reviewer_.Review("good"), IsOkAndHolds(kAgent));
  EXPECT_THAT(reviewer_.Review("bad"), IsOkAndHolds(TokenIdentity()));
  EXPECT_THAT(server_.seen().front().body, HasSubstr(R"("audiences":["hub","another"])"));
}

TEST_F(TokenReviewTest, KeepsAnswersForAWhile) {
  for (int i = 0; i < 3; ++i) EXPECT_THAT(reviewer_.Review("good"), IsOkAndHolds(kAgent));
  EXPECT_EQ(Asked(), 1);
  reviewer_.Review("bad").status().IgnoreError();
  reviewer_.Review("bad").status().IgnoreError();
  EXPECT_EQ(Asked(), 2);
  now_ += std::chrono::seconds(10);  // what was refused may have become right
  reviewer_.Review("bad").status().IgnoreError();
  reviewer_.Review("good").status().IgnoreError();
  EXPECT_EQ(Asked(), 3);
  server_.AddToken("good", TokenIdentity());
  now_ += std::chrono::seconds(50);
  EXPECT_THAT(reviewer_.Review("good"), IsOkAndHolds(TokenIdentity()));
  EXPECT_EQ(Asked(), 4);
  EXPECT_EQ(reviewer_.kept(), 2u);
}

TEST_F(TokenReviewTest, TellsWhatItKnowsWithoutAsking) {
  EXPECT_EQ(reviewer_.Known("good"), std::nullopt);
  EXPECT_EQ(reviewer_.Known("no token"), TokenIdentity());
  EXPECT_EQ(Asked(), 0);
  reviewer_.Review("good").status().IgnoreError();
  EXPECT_EQ(reviewer_.Known("good"), kAgent);
  now_ += std::chrono::minutes(1);
  EXPECT_EQ(reviewer_.Known("good"), std::nullopt);
  EXPECT_EQ(Asked(), 1);
}

TEST_F(TokenReviewTest, EndsWhenToldTo) {
  std::stop_source stop;
  server_.Script({.target = "/tokenreviews", .held = true});
  std::thread stopper([&] {
    while (Asked() == 0) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_THAT(reviewer_.Review("good", stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
  stopper.join();
}

TEST_F(TokenReviewTest, KeepsSoManyAtMost) {
  for (int i = 0; i < 10; ++i) reviewer_.Review("bad" + std::to_string(i)).status().IgnoreError();
  EXPECT_EQ(reviewer_.kept(), 3u);
  reviewer_.Review("bad9").status().IgnoreError();
  EXPECT_EQ(Asked(), 10);
  reviewer_.Review("bad0").status().IgnoreError();
  EXPECT_EQ(Asked(), 11);
}

TEST_F(TokenReviewTest, ErrorsAreNoAnswers) {
  server_.Script({.status = 403, .body = R"({"kind":"Status","message":"not for you"})"});
  const auto error = reviewer_.Review("good");
  EXPECT_THAT(error, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("not for you")));
  EXPECT_THAT(std::string(error.status().message()), Not(HasSubstr("good")));
  EXPECT_EQ(reviewer_.kept(), 0u);
  EXPECT_THAT(reviewer_.Review("good"), IsOkAndHolds(kAgent));
}

TEST_F(TokenReviewTest, WantsOneOfItsAudiences) {
  TokenIdentity other = kAgent;
  other.audiences = {"https://kubernetes.default.svc"};
  server_.AddToken("other", other);
  EXPECT_THAT(reviewer_.Review("other"), IsOkAndHolds(TokenIdentity()));
  // A server that ignores audiences.
  server_.Script({.status = 201,
                  .body = R"({"status":{"authenticated":true,"user":{"username":"somebody"}}})"});
  EXPECT_THAT(reviewer_.Review("any"), IsOkAndHolds(TokenIdentity()));

  TokenReviewer::Options options = Options();
  options.audiences = {};
  EXPECT_THAT(TokenReviewer(client_, options).Review("other")->username, HasSubstr("agent"));
}

TEST_F(TokenReviewTest, CopesWithOddAnswersAndTokens) {
  for (const char* body : {"{}", "[]", R"({"status":{"authenticated":"true"}})",
                           R"({"status":{"authenticated":true,"user":{"groups":[7]}}})"}) {
    server_.Script({.status = 201, .body = body});
    EXPECT_THAT(reviewer_.Review(std::string("odd") + body[1]), IsOk());
  }
  const int asked = Asked();
  for (const std::string& token : {std::string(), std::string("a b"), std::string("a\nb"),
                                   std::string("\xff"), std::string(20'000, 'x')})
    EXPECT_THAT(reviewer_.Review(token), IsOkAndHolds(TokenIdentity()));
  EXPECT_EQ(Asked(), asked);
}

}  // namespace
}  // namespace hawser::kube
