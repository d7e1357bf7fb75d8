#include "lib/base/logging.h"

#include <fcntl.h>
#include <glog/logging.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace hawser::base {
namespace {

using ::testing::ExitedWithCode;

// Each test sets up logging in a process of its own (gtest's death tests).

TEST(Logging, GoesToStderrOneLineEach) {
  EXPECT_EXIT(
      {
        InitLogging("program");
        LOG(INFO) << "from a\nstranger";
        _exit(0);
      },
      ExitedWithCode(0),
      "^I[0-9]{8} [0-9:.]{15} +[0-9]+ logging_test.cc:[0-9]+\\] from a\\\\nstranger\n$");
}

TEST(Logging, WritesNoFiles) {
  const std::string folder = ::testing::TempDir() + "/logs";
  std::filesystem::create_directory(folder);
  EXPECT_EXIT(
      {
        FLAGS_log_dir = folder;
        FLAGS_logtostderr = false;
        InitLogging("program");
        LOG(ERROR) << "only here";
        google::FlushLogFiles(google::INFO);
        _exit(0);
      },
      ExitedWithCode(0), "only here\n$");
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove(folder);
}

TEST(Logging, FatalSaysWhyAndDies) {
  EXPECT_DEATH(
      {
        InitLogging("program");
        CHECK_EQ(1 + 1, 3);
      },
      "^F[0-9]{8} .*Check failed: 1 \\+ 1 == 3 \\(2 vs. 3\\)");
}

TEST(Logging, SurvivesAFullDisk) {
  EXPECT_EXIT(
      {
        InitLogging("program");
        dup2(open("/dev/full", O_WRONLY), STDERR_FILENO);
        LOG(ERROR) << "lost";
        _exit(0);
      },
      ExitedWithCode(0), "^$");
}

TEST(Logging, SurvivesAPipeWithoutReader) {
  EXPECT_EXIT(
      {
        int ends[2];
        if (pipe(ends) != 0) _exit(1);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        InitLogging("program");
        LOG(ERROR) << "lost";
        _exit(0);
      },
      ExitedWithCode(0), "^$");
}

TEST(Logging, NoSocketBecomesStderrWhenThatIsClosed) {
  EXPECT_EXIT(
      {
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
        InitLogging("program");
        LOG(ERROR) << "lost";
        _exit(open("/dev/zero", O_RDONLY) > STDERR_FILENO ? 0 : 1);
      },
      ExitedWithCode(0), "^$");
}

}  // namespace
}  // namespace hawser::base
