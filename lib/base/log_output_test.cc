#include "lib/base/log_output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>

namespace hawser::base {
namespace {

using ::testing::EndsWith;

class LogOutputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    ASSERT_EQ(pipe2(pipe_, O_CLOEXEC), 0);
  }
  void TearDown() override {
    close(pipe_[0]);
    close(pipe_[1]);
  }
  // What is in the pipe now.
  std::string Read() {
    std::string bytes(1 << 20, '\0');
    fcntl(pipe_[0], F_SETFL, O_NONBLOCK);
    bytes.resize(std::max<ssize_t>(read(pipe_[0], bytes.data(), bytes.size()), 0));
    return bytes;
  }
  // Writes until a line is lost.
  void Fill(LogOutput& output) {
    while (output.lost() == 0) output.Write(std::string(1000, 'a'));
  }

  static void LimitFileSize(rlim_t bytes) {
    const rlimit limit{bytes, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &limit);
  }

  int pipe_[2];
};

TEST_F(LogOutputTest, WritesLines) {
  LogOutput output(pipe_[1], LogFormat::kText);
  output.Write("one");
  output.Write("two");
  EXPECT_EQ(Read(), "one\ntwo\n");
  EXPECT_EQ(output.lost(), 0u);
}

TEST_F(LogOutputTest, LosesLinesInsteadOfWaitingForAPipeAndSaysSoLater) {
  LogOutput output(pipe_[1], LogFormat::kText);
  Fill(output);
  output.Write("lost too");
  EXPECT_EQ(output.lost(), 2u);
  EXPECT_THAT(Read(), EndsWith("aaa\n"));
  output.Write("back");
  EXPECT_EQ(Read(), "2 log lines lost\nback\n");
  EXPECT_EQ(output.lost(), 0u);
}

TEST_F(LogOutputTest, LosesLinesInsteadOfWaitingForASocket) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  LogOutput output(ends[1], LogFormat::kText);
  Fill(output);
  EXPECT_EQ(output.lost(), 1u);
  close(ends[0]);
  output.Write("nobody");
  EXPECT_EQ(output.lost(), 2u);
  close(ends[1]);
}

TEST_F(LogOutputTest, SurvivesAFullDisk) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  LogOutput output(full, LogFormat::kText);
  output.Write("lost");
  EXPECT_EQ(output.lost(), 1u);
  // Room again: the same descriptor, now on the pipe.
  dup2(pipe_[1], full);
  output.Write("back");
  EXPECT_EQ(Read(), "1 log lines lost\nback\n");
  close(full);
}

TEST_F(LogOutputTest, EndsALineThatTheDiskTookInPart) {
  const std::string path = ::testing::TempDir() + "/torn.log";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  EXPECT_EXIT(
      {
        std::signal(SIGXFSZ, SIG_IGN);
        LimitFileSize(8);
        LogOutput output(file, LogFormat::kText);
        output.Write("0123456789");
        LimitFileSize(RLIM_INFINITY);
        output.Write("back");
        _exit(0);
      },
      ::testing::ExitedWithCode(0), "");
  std::string bytes(100, '\0');
  bytes.resize(std::max<ssize_t>(pread(file, bytes.data(), bytes.size(), 0), 0));
  EXPECT_EQ(bytes, "01234567\n1 log lines lost\nback\n");
  close(file);
  unlink(path.c_str());
}

TEST_F(LogOutputTest, SurvivesAPipeWithoutReaderAndAClosedDescriptor) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  close(ends[0]);
  LogOutput output(ends[1], LogFormat::kText);
  output.Write("lost");
  EXPECT_EQ(output.lost(), 1u);
  close(ends[1]);
  output.Write("lost");
  EXPECT_EQ(output.lost(), 2u);
}

}  // namespace
}  // namespace hawser::base
