#include "lib/base/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using ::testing::HasSubstr;

TEST(IsPrivate, GroupOfRootsFile) {
  constexpr uid_t kRoot = 0, kReader = 1000, kOther = 1001;
  EXPECT_TRUE(IsPrivate(S_IFREG | 0440, kRoot, kReader));
  EXPECT_TRUE(IsPrivate(S_IFREG | 0640, kRoot, kReader));
  EXPECT_FALSE(IsPrivate(S_IFREG | 0640, kRoot, kRoot));
  EXPECT_FALSE(IsPrivate(S_IFREG | 0640, kReader, kReader));
  EXPECT_FALSE(IsPrivate(S_IFREG | 0640, kOther, kReader));
  for (const mode_t mode : {0660, 0650, 0644, 0642, 0641, 0604})
    EXPECT_FALSE(IsPrivate(S_IFREG | mode, kRoot, kReader)) << mode;
}

TEST(CheckKeyFilePermissions, WantsTheOwnerAlone) {
  const std::string path = ::testing::TempDir() + "/permissions.key";
  std::ofstream(path) << "key";
  for (const mode_t mode : {0600, 0400, 0700}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_THAT(CheckKeyFilePermissions(path), IsOk()) << mode;
  }
  for (const mode_t mode : {0640, 0620, 0610, 0604, 0602, 0601, 0644, 0666}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_THAT(CheckKeyFilePermissions(path),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr("key " + path + " is accessible to group or others")))
        << mode;
  }
  std::filesystem::remove(path);
}

TEST(CheckKeyFilePermissions, NamesAMissingFile) {
  EXPECT_THAT(CheckKeyFilePermissions("/no/such.key"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("read key /no/such.key")));
}

}  // namespace
}  // namespace hawser::base
