#include "lib/pki/pem_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "lib/testing/status_matchers.h"

namespace hawser::pki {
namespace {

using hawser::testing::IsOk;
using hawser::testing::IsOkAndHolds;
using hawser::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

class PemFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/pem_file.XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/tls.key";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  mode_t Mode() const {
    struct stat info {};
    EXPECT_EQ(::stat(path_.c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  size_t FileCount() const {
    return std::distance(std::filesystem::directory_iterator(folder_), {});
  }

  std::string folder_;
  std::string path_;
};

TEST_F(PemFileTest, ReadsBackWhatItWrote) {
  ASSERT_THAT(WritePemFile(path_, "secret", kPrivateFile), IsOk());
  EXPECT_THAT(ReadPemFile(path_), IsOkAndHolds("secret"));
  EXPECT_EQ(Mode(), 0600);
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(PemFileTest, ModeDependsOnNeitherUmaskNorTheOldFile) {
  std::ofstream(path_) << "old";
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  const mode_t before = ::umask(0);
  EXPECT_THAT(WritePemFile(path_, "new", kPrivateFile), IsOk());
  EXPECT_EQ(Mode(), 0600);
  ::umask(0777);
  EXPECT_THAT(WritePemFile(path_, "new", kPublicFile), IsOk());
  EXPECT_EQ(Mode(), 0644);
  ::umask(before);
}

TEST_F(PemFileTest, ReplacesALinkInsteadOfFollowingIt) {
  const std::string target = folder_ + "/target";
  std::ofstream(target) << "untouched";
  std::filesystem::create_symlink(target, path_);
  ASSERT_THAT(WritePemFile(path_, "new", kPrivateFile), IsOk());
  EXPECT_FALSE(std::filesystem::is_symlink(path_));
  EXPECT_THAT(ReadPemFile(target), IsOkAndHolds("untouched"));
}

TEST_F(PemFileTest, WritesIntoTheCurrentFolder) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  EXPECT_THAT(WritePemFile("tls.key", "here", kPrivateFile), IsOk());
  std::filesystem::current_path(before);
  EXPECT_THAT(ReadPemFile(path_), IsOkAndHolds("here"));
}

TEST_F(PemFileTest, LeavesTheOldContentAndNoDebrisOnAFullDisk) {
  ASSERT_THAT(WritePemFile(path_, "old", kPrivateFile), IsOk());
  const auto write_beyond_the_limit = [this] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{8, 8};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const absl::Status status = WritePemFile(path_, "longer than eight bytes", kPrivateFile);
    _exit(status.message().find("write " + path_ + ": write") == 0 ? 0 : 1);
  };
  EXPECT_EXIT(write_beyond_the_limit(), ::testing::ExitedWithCode(0), "");
  EXPECT_THAT(ReadPemFile(path_), IsOkAndHolds("old"));
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(PemFileTest, LeavesNoDebrisWhenTheNameIsAFolder) {
  std::filesystem::create_directory(path_);
  EXPECT_THAT(WritePemFile(path_, "new", kPrivateFile),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("write " + path_), HasSubstr("rename"))));
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(PemFileTest, NamesTheFileThatCannotBeUsed) {
  EXPECT_THAT(ReadPemFile(path_), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path_)));
  EXPECT_THAT(ReadPemFile(folder_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("read " + folder_)));
  EXPECT_THAT(WritePemFile(folder_ + "/missing/tls.key", "", kPrivateFile),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("write " + folder_ + "/missing")));
}

TEST_F(PemFileTest, ReadsAMebibyteAndNoMore) {
  std::ofstream(path_) << std::string(1 << 20, 'a');
  EXPECT_THAT(ReadPemFile(path_), IsOk());
  std::ofstream(path_, std::ios::app) << 'a';
  EXPECT_THAT(ReadPemFile(path_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("larger than 1 MiB")));
  EXPECT_THAT(ReadPemFile("/dev/zero"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("larger than 1 MiB")));
}

}  // namespace
}  // namespace hawser::pki
