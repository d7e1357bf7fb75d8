#include "hub/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <optional>

#include "lib/testing/status_matchers.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;

class TokenFileTest : public ::testing::Test {
 protected:
  // Each version has another size: that is what tells it from the one before.
  void Write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_) << text;
    chmod(path_.c_str(), mode);
  }
  absl::Status LoadError() { return TokenFile::Load(path_, "agent").status(); }
  static absl::Status Ask(TokenFile& tokens, const std::string& token) {
    std::optional<absl::Status> answer;
    tokens.Authenticate(token, [&answer](const absl::Status& verdict) { answer = verdict; });
    return answer.value();
  }

  const std::string path_ = std::string(std::getenv("TEST_TMPDIR")) + "/tokens";
};

TEST_F(TokenFileTest, LetsInTheTokensOfOneUser) {
  Write("# comment\n\nsecret-1 agent\n  secret-2\tagent\nsecret-3 somebody\n");
  const auto tokens = TokenFile::Load(path_, "agent");
  ASSERT_THAT(tokens, IsOk());
  EXPECT_THAT(Ask(**tokens, "secret-1"), IsOk());
  EXPECT_THAT(Ask(**tokens, "secret-2"), IsOk());
  EXPECT_THAT(
      Ask(**tokens, "secret-3"),
      StatusIs(StatusCode::kPermissionDenied,
               AllOf(HasSubstr("of user \"somebody\", not of agent"), Not(HasSubstr("secret")))));
  for (const char* token : {"", "secret", "secret-1 ", "#"})
    EXPECT_THAT(Ask(**tokens, token),
                StatusIs(StatusCode::kUnauthenticated, HasSubstr("is not known")))
        << token;
}

TEST_F(TokenFileTest, IsReadAgainWhenItChanges) {
  Write("old agent\n");
  const auto tokens = TokenFile::Load(path_, "agent");
  ASSERT_THAT(tokens, IsOk());
  EXPECT_THAT((*tokens)->Refresh(), IsOk());
  Write("newer agent\n");
  EXPECT_THAT((*tokens)->Refresh(), IsOk());
  EXPECT_THAT(Ask(**tokens, "newer"), IsOk());
  EXPECT_FALSE(Ask(**tokens, "old").ok());
  Write("torn\n");
  EXPECT_THAT((*tokens)->Refresh(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("line 1: want a token and a user")));
  EXPECT_THAT((*tokens)->Refresh(), IsOk()) << "said once";
  EXPECT_THAT(Ask(**tokens, "newer"), IsOk()) << "as they were";
}

TEST_F(TokenFileTest, BadFilesAreRefused) {
  Write("a b c\n");
  EXPECT_THAT(LoadError(), StatusIs(StatusCode::kInvalidArgument, HasSubstr("line 1")));
  Write("secret-1 agent\nsecret-1 other\n");
  EXPECT_THAT(LoadError(), StatusIs(StatusCode::kInvalidArgument,
                                    AllOf(HasSubstr("line 2"), Not(HasSubstr("secret")))));
  Write(std::string(1024 * 1024 + 1, '#'));
  EXPECT_THAT(LoadError(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("longer than 1024 KiB")));
  Write("secret-1 agent\n", 0644);
  EXPECT_THAT(LoadError(), StatusIs(StatusCode::kFailedPrecondition, HasSubstr(path_)));
  EXPECT_FALSE(TokenFile::Load(path_ + ".missing", "agent").ok());
}

}  // namespace
}  // namespace hawser::hub
