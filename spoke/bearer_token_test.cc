#include "spoke/bearer_token.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lib/testing/status_matchers.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::IsOkAndHolds;
using ::hawser::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class BearerTokenTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> Read(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
    return ReadBearerToken(path_);
  }
  const std::string path_ = ::testing::TempDir() + "/token";
};

TEST_F(BearerTokenTest, ReadsWhatIsThereNow) {
  EXPECT_THAT(Read("eyJh.b_c-d~e+/==\n"), IsOkAndHolds(std::string("eyJh.b_c-d~e+/==")));
  EXPECT_THAT(Read("next"), IsOkAndHolds(std::string("next")));
}

TEST_F(BearerTokenTest, RefusesWhatIsNoToken) {
  for (const std::string& content :
       {std::string(), std::string("\n"), std::string("s3cret two"), std::string("s3cret\r\nx: y"),
        "s3cret" + std::string(1, '\0'), "s3cret" + std::string(9000, 'a')})
    EXPECT_THAT(Read(content).status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("read " + path_), Not(HasSubstr("s3cret")))));
  EXPECT_THAT(ReadBearerToken("/nonexistent/token").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/token")));
  EXPECT_FALSE(ReadBearerToken(::testing::TempDir()).ok());
}

}  // namespace
}  // namespace hawser::spoke
