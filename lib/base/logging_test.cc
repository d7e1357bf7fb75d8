#include "lib/base/logging.h"

#include <fcntl.h>
#include <glog/logging.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using hawser::testing::StatusIs;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

// Each test sets up logging in a process of its own (gtest's death tests).

TEST(Logging, GoesToStderrOneLineEach) {
  EXPECT_EXIT(
      {
        (void)InitLogging("program");
        LOG(INFO) << "from a\nstranger";
        _exit(0);
      },
      ExitedWithCode(0),
      "^I[0-9]{4} [0-9:.]{15} +[0-9]+ logging_test.cc:[0-9]+\\] from a\\\\nstranger\n$");
}

TEST(Logging, JsonAndFolders) {
  EXPECT_EXIT(
      {
        (void)InitLogging("program", {.format = LogFormat::kJson, .folders = true});
        LOG(WARNING) << "a \"name\"";
        _exit(0);
      },
      ExitedWithCode(0),
      "^\\{\"ts\":[0-9.]+,\"level\":\"warning\",\"caller\":\"base/logging_test.cc:[0-9]+\","
      "\"msg\":\"a \\\\\"name\\\\\"\"\\}\n$");
}

TEST(Logging, AFileGetsAllAndStderrWhatIsSevere) {
  const std::string path = ::testing::TempDir() + "/one.log";
  std::ofstream(path) << "before\n";
  EXPECT_EXIT(
      {
        (void)InitLogging("program",
                          {.headers = false, .file = path, .stderr_from = google::ERROR});
        LOG(INFO) << "one";
        LOG(ERROR) << "two";
        _exit(0);
      },
      ExitedWithCode(0), "^two\n$");
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "before\none\ntwo\n");
  std::filesystem::remove(path);
}

TEST(Logging, AFileThatCannotBeOpenedIsNamed) {
  EXPECT_THAT(InitLogging("program", {.file = "/nowhere/one.log"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("open log file /nowhere/one.log")));
}

TEST(Logging, WritesNoFiles) {
  const std::string folder = ::testing::TempDir() + "/logs";
  std::filesystem::create_directory(folder);
  EXPECT_EXIT(
      {
        FLAGS_log_dir = folder;
        FLAGS_logtostderr = false;
        (void)InitLogging("program");
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
        (void)InitLogging("program");
        CHECK_EQ(1 + 1, 3);
      },
      "^F[0-9]{4} .*Check failed: 1 \\+ 1 == 3 \\(2 vs. 3\\)");
}

TEST(Logging, SurvivesAFullDisk) {
  EXPECT_EXIT(
      {
        (void)InitLogging("program");
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
        (void)InitLogging("program");
        LOG(ERROR) << "lost";
        _exit(0);
      },
      ExitedWithCode(0), "^$");
}

TEST(Logging, NoSocketBecomesStderrWhenThatIsClosed) {
  EXPECT_EXIT(
      {
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
        (void)InitLogging("program");
        LOG(ERROR) << "lost";
        _exit(open("/dev/zero", O_RDONLY) > STDERR_FILENO ? 0 : 1);
      },
      ExitedWithCode(0), "^$");
}

}  // namespace
}  // namespace hawser::base
