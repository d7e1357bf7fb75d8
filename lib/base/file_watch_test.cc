#include "lib/base/file_watch.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace hawser::base {
namespace {

class FileWatchTest : public ::testing::Test {
 protected:
  FileWatchTest() { Write("one"); }

  void Write(const std::string& text) { std::ofstream(path_) << text; }

  const std::string path_ = std::string(::getenv("TEST_TMPDIR")) + "/watched";
  FileWatch watch_{{path_, ""}};
};

TEST_F(FileWatchTest, ReadsOnceAndAfterEachChange) {
  EXPECT_TRUE(watch_.Due());
  EXPECT_TRUE(watch_.Done(absl::OkStatus()));
  EXPECT_FALSE(watch_.Due());
  Write("another");
  EXPECT_TRUE(watch_.Due());
  EXPECT_TRUE(watch_.Done(absl::OkStatus()));
  EXPECT_FALSE(watch_.Due());
  std::filesystem::remove(path_);
  EXPECT_TRUE(watch_.Due());
}

TEST_F(FileWatchTest, AFailureIsTriedAgainAndToldOnce) {
  const absl::Status failure = absl::InternalError("torn");
  EXPECT_TRUE(watch_.Due());
  EXPECT_TRUE(watch_.Done(failure));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(watch_.Due());
    EXPECT_FALSE(watch_.Done(failure));
  }
  EXPECT_TRUE(watch_.Due());
  EXPECT_TRUE(watch_.Done(absl::InternalError("out of descriptors")));
  EXPECT_TRUE(watch_.Due());
  EXPECT_TRUE(watch_.Done(absl::OkStatus()));
  EXPECT_FALSE(watch_.Due());
}

TEST_F(FileWatchTest, AChangedModeIsAChange) {
  ::chmod(path_.c_str(), 0644);
  EXPECT_TRUE(watch_.Due());
  watch_.Done(absl::OkStatus());
  ::chmod(path_.c_str(), 0600);
  EXPECT_TRUE(watch_.Due());
}

TEST_F(FileWatchTest, ReadsWhenAskedTo) {
  FileWatch read({path_}, true);
  EXPECT_FALSE(read.Due());
  EXPECT_TRUE(read.Due(true));
  EXPECT_TRUE(read.Done(absl::InternalError("torn")));
  EXPECT_TRUE(read.Due(true));
  EXPECT_TRUE(read.Done(absl::InternalError("torn")));
}

}  // namespace
}  // namespace hawser::base
