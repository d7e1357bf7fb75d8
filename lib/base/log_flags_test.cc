#include "lib/base/log_flags.h"

#include <gflags/gflags.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "lib/base/flags.h"
#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Each command line in a test of its own: flags stay.
class LogFlagsTest : public ::testing::Test {
 protected:
  absl::StatusOr<LogOptions> Read(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "program");
    const auto parsed =
        ParseCommandLine({"program", "", ""}, static_cast<int>(arguments.size()), arguments.data());
    if (!parsed.ok()) return parsed.status();
    return LogOptionsFromFlags();
  }

  gflags::FlagSaver saver_;
};

TEST_F(LogFlagsTest, ByDefaultAllIsTextOnStderr) {
  const auto options = Read({});
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->format, LogFormat::kText);
  EXPECT_TRUE(options->headers);
  EXPECT_FALSE(options->folders);
  EXPECT_EQ(options->file, "");
  EXPECT_EQ(options->stderr_from, google::INFO);
  EXPECT_THAT(GivenWithoutEffect(), IsEmpty());
}

TEST_F(LogFlagsTest, TakesAllOfKlogsFlagsInEachSpelling) {
  for (const char* dashes : {"-", "--"}) {
    for (const char separator : {'-', '_'}) {
      for (std::string flag : {"add_dir_header", "alsologtostderr", "alsologtostderrthreshold=1",
                               "legacy_stderr_threshold_behavior=true", "log_backtrace_at=:0",
                               "log_dir=/tmp", "log_file=/tmp/hub.log", "log_file_max_size=0",
                               "logtostderr=true", "one_output", "skip_headers", "skip_log_headers",
                               "stderrthreshold=WARNING", "v=2", "vmodule=hub=3"}) {
        std::replace(flag.begin(), flag.end(), '_', separator);
        flag = dashes + flag;
        EXPECT_THAT(Read({flag.c_str()}), IsOk()) << flag;
      }
    }
  }
}

TEST_F(LogFlagsTest, TellsWhichHaveNoEffect) {
  EXPECT_THAT(Read({"--log-dir=/tmp", "--log_file_max_size=0", "--one-output", "--skip-log-headers",
                    "--skip-headers", "--v=1"}),
              IsOk());
  EXPECT_THAT(GivenWithoutEffect(), UnorderedElementsAre("log-dir", "log-file-max-size",
                                                         "one-output", "skip-log-headers"));
}

TEST_F(LogFlagsTest, JsonAndWhatStandsBeforeMessages) {
  const auto options = Read({"--log-format=json", "--skip_headers", "--add_dir_header"});
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->format, LogFormat::kJson);
  EXPECT_FALSE(options->headers);
  EXPECT_TRUE(options->folders);
}

TEST_F(LogFlagsTest, AFileIsUsedInsteadOfStderrOnly) {
  EXPECT_EQ(Read({"--log-file=/tmp/hub.log"})->file, "");
  const auto options = Read({"--logtostderr=false"});
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->file, "/tmp/hub.log");
  EXPECT_EQ(options->stderr_from, google::ERROR);
}

TEST_F(LogFlagsTest, WithoutAFileAllIsOnStderr) {
  const auto options = Read({"--logtostderr=false", "--stderrthreshold=2"});
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->stderr_from, google::INFO);
}

TEST_F(LogFlagsTest, SeveritiesThatGoToStderrBesideTheFile) {
  EXPECT_EQ(Read({"--logtostderr=false", "--log-file=f", "--stderrthreshold=WARNING"})->stderr_from,
            google::WARNING);
  EXPECT_EQ(Read({"--alsologtostderr"})->stderr_from, google::INFO);
  EXPECT_EQ(Read({"--stderrthreshold=3", "--alsologtostderrthreshold=ERROR"})->stderr_from,
            google::ERROR);
}

TEST_F(LogFlagsTest, ThresholdOfStderrAlone) {
  EXPECT_EQ(Read({"--stderrthreshold=1"})->stderr_from, google::INFO);
  EXPECT_EQ(Read({"--legacy-stderr-threshold-behavior=false"})->stderr_from, google::WARNING);
}

TEST_F(LogFlagsTest, NamesTheFlagThatIsWrong) {
  EXPECT_THAT(Read({"--log-format=xml"}), StatusIs(absl::StatusCode::kInvalidArgument,
                                                   "flag --log-format: must be text or json"));
  EXPECT_THAT(Read({"--log-format=text", "--stderrthreshold=4"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--stderrthreshold")));
  EXPECT_THAT(Read({"--stderrthreshold=LOUD"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--stderrthreshold")));
}

}  // namespace
}  // namespace hawser::base
