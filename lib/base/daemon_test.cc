#include "lib/base/daemon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"

namespace hawser::base {
namespace {

using ::testing::ExitedWithCode;

struct Options {
  bool startable = true;
};

// Ends at once.
class Daemon {
 public:
  static absl::StatusOr<std::unique_ptr<Daemon>> Create(const Options& options) {
    if (!options.startable) return absl::UnavailableError("listen on [::]:8091: in use");
    return std::make_unique<Daemon>();
  }
  std::vector<std::pair<std::string, std::string>> served() const { return {{"agents", ":8091"}}; }
  void HandleSignals() { LOG(INFO) << "signals are handled"; }
  void Run() {}
};

int Start(std::vector<const char*> arguments, absl::StatusOr<Options> options = Options(),
          std::optional<absl::Status> checked = std::nullopt) {
  arguments.insert(arguments.begin(), "program");
  return RunDaemon<Daemon>(
      "program", "Does a thing.", static_cast<int>(arguments.size()), arguments.data(),
      [&] { return options; }, [&] { return checked; });
}

// 0 when neither a core file nor another process of this user can have the memory of this one.
int DumpsForbidden() {
  rlimit core{1, 1};
  getrlimit(RLIMIT_CORE, &core);
  return core.rlim_cur == 0 && core.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1;
}

void AllowDescriptors(rlim_t count) {
  const rlimit limit{count, count};
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Each in a process of its own: what happens here stays for the life of the process.
TEST(DaemonDeathTest, ForbidsDumps) {
  ASSERT_NE(DumpsForbidden(), 0) << "forbidden already";
  const char* const arguments[] = {"program"};
  EXPECT_EXIT(
      {
        const bool goes_on = !BeginDaemon("program", "Does a thing.", 1, arguments).has_value();
        std::exit(goes_on ? DumpsForbidden() : 2);
      },
      ExitedWithCode(0), "");
}

TEST(DaemonDeathTest, TellsOfACheckAndEnds) {
  const absl::Status wrong = absl::InvalidArgumentError("read x.yaml: line 1: unknown key a");
  EXPECT_EXIT(std::exit(Start({}, Options(), wrong)), ExitedWithCode(64),
              "program: read x.yaml: line 1: unknown key a");
  EXPECT_EXIT(std::exit(Start({}, absl::InternalError("not asked"), absl::OkStatus())),
              ExitedWithCode(0), "");
}

TEST(DaemonDeathTest, ServesAndEnds) {
  EXPECT_EXIT(std::exit(Start({})), ExitedWithCode(0), "serving agents on :8091(.|\n)*ready");
}

TEST(DaemonDeathTest, AnswersHelp) {
  EXPECT_EXIT(std::exit(Start({"--help"})), ExitedWithCode(0), "^$");
}

TEST(DaemonDeathTest, RefusesBadUsage) {
  EXPECT_EXIT(std::exit(Start({"--colour=blue"})), ExitedWithCode(64),
              "^program: .*colour[^\n]*\n$");
  EXPECT_EXIT(std::exit(Start({}, absl::InvalidArgumentError("flag --mode: not a mode"))),
              ExitedWithCode(64), "program: flag --mode: not a mode\n$");
}

TEST(DaemonDeathTest, IsReadyWhenItsSignalsAreHandled) {
  EXPECT_EXIT(std::exit(Start({})), ExitedWithCode(0), "signals are handled(.|\n)*ready\n$");
}

TEST(DaemonDeathTest, StartIsLoggedAsThatOfMain) {
  EXPECT_EXIT(std::exit(Start({})), ExitedWithCode(0), "daemon_test.cc:[0-9]+\\] ready");
}

TEST(DaemonDeathTest, TellsOfFlagsWithoutEffect) {
  EXPECT_EXIT(std::exit(Start({"--one-output"})), ExitedWithCode(0),
              "flag --one-output has no effect(.|\n)*ready");
}

TEST(DaemonDeathTest, LogsToAFile) {
  EXPECT_EXIT(std::exit(Start({"--logtostderr=false", "--log-file=/nowhere/a.log"})),
              ExitedWithCode(64), "^program: open log file /nowhere/a.log: [^\n]*\n$");
}

TEST(DaemonDeathTest, SaysThatDescriptorsAreTooFew) {
  EXPECT_EXIT(
      {
        AllowDescriptors(20);
        std::exit(Start({}));
      },
      ExitedWithCode(1), "^E[^\n]* file descriptors are limited to 20 [^\n]*\n$");
}

TEST(DaemonDeathTest, IgnoresTheSignalsOfUsers) {
  EXPECT_EXIT(
      {
        const char* const arguments[] = {"program"};
        (void)BeginDaemon("program", "Does a thing.", 1, arguments);
        std::raise(SIGUSR1);
        std::raise(SIGUSR2);
        std::exit(0);
      },
      ExitedWithCode(0), "");
}

TEST(DaemonDeathTest, SaysWhyItCannotBegin) {
  EXPECT_EXIT(std::exit(Start({}, Options{.startable = false})), ExitedWithCode(1),
              "listen on \\[::\\]:8091: in use\n$");
}

}  // namespace
}  // namespace hawser::base
