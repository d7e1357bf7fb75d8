#include "lib/base/read_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;

const std::string kFolder = ::testing::TempDir();

TEST(ReadFile, GivesAllBytes) {
  const std::string text = std::string(100'000, 'x') + '\0' + "end";
  std::ofstream(kFolder + "/whole") << text;
  EXPECT_EQ(*ReadFile(kFolder + "/whole", text.size()), text);
  EXPECT_THAT(
      ReadFile(kFolder + "/whole", text.size() - 1).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("/whole: longer than 97 KiB")));
}

TEST(ReadFile, SaysWhyThereIsNone) {
  EXPECT_THAT(ReadFile(kFolder + "/none", 1).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/none: no such file")));
  EXPECT_THAT(ReadFile(kFolder, 1).status().message(), HasSubstr(": is a directory"));
}

}  // namespace
}  // namespace hawser::base
