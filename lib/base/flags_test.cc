#include "lib/base/flags.h"

#include <glog/logging.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "lib/testing/status_matchers.h"

DEFINE_int32(flags_test_port, 8091, "Port that agents connect to; 0 picks a free one.");
DEFINE_uint64(flags_test_limit, 7, "A limit.");
DEFINE_bool(flags_test_enable, false, "Whether it is on.");
DEFINE_string(flags_test_time, "15s",
              "A description that is so long that it takes more than one line of the help text, "
              "which is broken between two words.");
DEFINE_string(flags_test_name, "", "A name.");
DEFINE_string(flags_test_zone, "", "[A topic] A zone.");
HAWSER_DEFINE_LIST(flags_test_suites, "[A topic] Suites.");
DEFINE_bool(flags_test_idle_flag, false, "[Without effect] It is idle.");
DEFINE_validator(flags_test_limit, [](const char*, uint64_t value) { return value <= 100; });

namespace hawser::base {
namespace {

using hawser::testing::IsOkAndHolds;
using hawser::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class FlagsTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "program");
    return ParseCommandLine({"program", "Does a thing.", "program 1.2.3 (commit abc)"},
                            static_cast<int>(arguments.size()), arguments.data());
  }
  void ExpectError(std::vector<const char*> arguments, const std::string& message) {
    EXPECT_THAT(Parse(std::move(arguments)), StatusIs(absl::StatusCode::kInvalidArgument, message));
  }

  gflags::FlagSaver saver_;
};

TEST_F(FlagsTest, AcceptsDashesUnderscoresAndBothFormsOfValues) {
  EXPECT_THAT(Parse({"--flags-test-port=1", "--flags_test_limit", "2", "-flags-test_name", "a=b"}),
              IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(FLAGS_flags_test_port, 1);
  EXPECT_EQ(FLAGS_flags_test_limit, 2u);
  EXPECT_EQ(FLAGS_flags_test_name, "a=b");
}

TEST_F(FlagsTest, TakesWhatOtherProgramsOfKubernetesTake) {
  EXPECT_THAT(Parse({"-v4", "--flags-test-port=1", "--"}), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(FLAGS_v, 4);
  EXPECT_EQ(FLAGS_flags_test_port, 1);
  ExpectError({"--", "more"}, "unexpected argument \"--\"");
}

TEST_F(FlagsTest, TakesAnyTextAsAValue) {
  EXPECT_THAT(Parse({"--flags-test-name", "--flags-test-enable", "--flags-test-time="}),
              IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(FLAGS_flags_test_name, "--flags-test-enable");
  EXPECT_EQ(FLAGS_flags_test_time, "");
  EXPECT_FALSE(FLAGS_flags_test_enable);
}

TEST_F(FlagsTest, TheLastOfSeveralWins) {
  EXPECT_THAT(Parse({"--flags-test-port=1", "--flags-test-port=-2"}), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(FLAGS_flags_test_port, -2);
}

TEST_F(FlagsTest, ListsAreJoined) {
  EXPECT_THAT(Parse({"--flags-test-suites=a,b", "--flags-test-suites", "c"}),
              IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(FLAGS_flags_test_suites, "a,b,c");
  EXPECT_THAT(Parse({"--flags-test-suites=d"}), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(FLAGS_flags_test_suites, "d");
}

TEST_F(FlagsTest, AcceptsGoBooleans) {
  for (const char* yes : {"--flags-test-enable", "--flags-test-enable=1", "--flags-test-enable=t",
                          "--flags-test-enable=T", "--flags-test-enable=TRUE",
                          "--flags-test-enable=True", "--flags-test-enable=true"}) {
    FLAGS_flags_test_enable = false;
    EXPECT_THAT(Parse({yes}), IsOkAndHolds(IsEmpty())) << yes;
    EXPECT_TRUE(FLAGS_flags_test_enable) << yes;
  }
  for (const char* no :
       {"--flags-test-enable=0", "--flags-test-enable=f", "--flags-test-enable=F",
        "--flags-test-enable=FALSE", "--flags-test-enable=False", "--flags-test-enable=false"}) {
    FLAGS_flags_test_enable = true;
    EXPECT_THAT(Parse({no}), IsOkAndHolds(IsEmpty())) << no;
    EXPECT_FALSE(FLAGS_flags_test_enable) << no;
  }
  ExpectError({"--flags-test-enable=yes"},
              "flag --flags-test-enable: bad value \"yes\" (want bool)");
  ExpectError({"--flags-test-enable="}, "flag --flags-test-enable: bad value \"\" (want bool)");
  // As in Go, a boolean's value stands behind '=' or not at all.
  ExpectError({"--flags-test-enable", "false"}, "unexpected argument \"false\"");
}

TEST_F(FlagsTest, NamesTheFlagThatIsWrong) {
  ExpectError({"--flags-test-port=80x"}, "flag --flags-test-port: bad value \"80x\" (want int)");
  ExpectError({"--flags-test-port="}, "flag --flags-test-port: bad value \"\" (want int)");
  ExpectError({"--flags-test-port=99999999999"},
              "flag --flags-test-port: bad value \"99999999999\" (want int)");
  ExpectError({"--flags-test-limit=-1"}, "flag --flags-test-limit: bad value \"-1\" (want uint)");
  ExpectError({"--flags-test-limit=101"}, "flag --flags-test-limit: bad value \"101\" (want uint)");
  ExpectError({"--flags-test-port"}, "flag --flags-test-port: missing value");
  ExpectError({"--no-such-flag=1"}, "unknown flag \"--no-such-flag\"");
  ExpectError({"--noflags-test-enable"}, "unknown flag \"--noflags-test-enable\"");
  ExpectError({"--Flags-test-port=1"}, "unknown flag \"--Flags-test-port\"");
  ExpectError({"--=1"}, "unknown flag \"--\"");
  ExpectError({"--bad\nname"}, "unknown flag \"--bad\\nname\"");
  for (const char* stray : {"stray", "", "-", "---flags-test-port=1"})
    ExpectError({stray}, std::string("unexpected argument \"") + stray + "\"");
}

TEST_F(FlagsTest, LeavesOutFlagsOfTheLibraries) {
  for (const char* flag : {"--flagfile=/etc/passwd", "--fromenv=v", "--helpfull", "--logtostdout",
                           "--logmailer=/bin/mail"})
    EXPECT_THAT(Parse({flag}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unknown flag")))
        << flag;
  EXPECT_THAT(Parse({"-v=2", "--logtostderr=true", "--vmodule", "session=3"}),
              IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(FLAGS_v, 2);
  EXPECT_EQ(FLAGS_vmodule, "session=3");
}

TEST_F(FlagsTest, TellsWhichFlagsHaveNoEffect) {
  EXPECT_THAT(GivenWithoutEffect(), IsEmpty());
  EXPECT_THAT(Parse({"--flags-test-idle-flag", "--flags-test-port=8091", "--log_dir=/tmp"}),
              IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(GivenWithoutEffect(), ElementsAre("flags-test-idle-flag", "log-dir"));
  EXPECT_TRUE(IsGiven("flags_test_port"));
  EXPECT_FALSE(IsGiven("flags_test_limit"));
}

TEST_F(FlagsTest, TakesSeveritiesByNameToo) {
  EXPECT_THAT(Parse({"--stderrthreshold=WARNING"}), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(FLAGS_stderrthreshold, google::WARNING);
  EXPECT_THAT(Parse({"--stderrthreshold=0"}), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(FLAGS_stderrthreshold, google::INFO);
  ExpectError({"--stderrthreshold=LOUD"}, "flag --stderrthreshold: bad value \"LOUD\" (want int)");
}

TEST_F(FlagsTest, VersionPrintsTheProgramsOwn) {
  EXPECT_THAT(Parse({"--flags-test-port=1", "--version"}),
              IsOkAndHolds("program 1.2.3 (commit abc)\n"));
}

TEST_F(FlagsTest, HelpGroupsFlagsByTheirFile) {
  for (const char* flag : {"--help", "-h", "-help"}) {
    const absl::StatusOr<std::string> help = Parse({flag});
    EXPECT_THAT(help, IsOkAndHolds(HasSubstr("Does a thing.\n\nUsage: program [flags]\n\n")));
    EXPECT_THAT(help, IsOkAndHolds(HasSubstr("\n\nFlags test:\n"
                                             "  --flags-test-enable (default false)\n"
                                             "      Whether it is on.\n"
                                             "  --flags-test-limit uint (default 7)\n"
                                             "      A limit.\n"
                                             "  --flags-test-name string\n"
                                             "      A name.\n"
                                             "  --flags-test-port int (default 8091)\n")));
    EXPECT_THAT(help, IsOkAndHolds(HasSubstr("\nLogging:\n  --alsologtostderr")));
    EXPECT_THAT(help, IsOkAndHolds(HasSubstr("\nHelp:\n  --help")));
    EXPECT_THAT(help, IsOkAndHolds(Not(HasSubstr("flagfile"))));
  }
}

TEST_F(FlagsTest, HelpGroupsFlagsByTheirTopic) {
  const absl::StatusOr<std::string> help = Parse({"--help"});
  EXPECT_THAT(help, IsOkAndHolds(HasSubstr("Usage: program [flags]\n\n"
                                           "A topic:\n"
                                           "  --flags-test-suites list\n"
                                           "      Suites.\n"
                                           "  --flags-test-zone string\n"
                                           "      A zone.\n\n"
                                           "Flags test:\n")));
}

TEST_F(FlagsTest, HelpFitsATerminal) {
  const absl::StatusOr<std::string> help = Parse({"--help"});
  ASSERT_TRUE(help.ok());
  std::istringstream lines(*help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

}  // namespace
}  // namespace hawser::base
