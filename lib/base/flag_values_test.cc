#include "lib/base/flag_values.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using ::hawser::testing::IsOkAndHolds;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(FlagValues, PositiveDuration) {
  EXPECT_THAT(PositiveDuration("wait", "1.5s"), IsOkAndHolds(std::chrono::milliseconds(1500)));
  EXPECT_THAT(PositiveDuration("wait", "0"), StatusIs(kInvalid, HasSubstr("--wait: must be pos")));
  EXPECT_THAT(PositiveDuration("wait", "5"), StatusIs(kInvalid, HasSubstr("flag --wait: ")));
}

TEST(FlagValues, AnyDuration) {
  EXPECT_THAT(AnyDuration("wait", "0s"), IsOkAndHolds(Duration::zero()));
  EXPECT_THAT(AnyDuration("wait", "-1s"), StatusIs(kInvalid, HasSubstr("--wait: must not be neg")));
}

TEST(FlagValues, BindAddress) {
  EXPECT_THAT(BindAddress("port", "", 65535), IsOkAndHolds(HostPort{"", 65535}));
  for (const int port : {-1, 65536})
    EXPECT_THAT(BindAddress("port", "", port), StatusIs(kInvalid, HasSubstr("--port: not a port")));
}

TEST(FlagValues, BindAddressesAreIpAddresses) {
  const auto bind = [](const std::string& host) { return BindAddress("host", host, "port", 1); };
  EXPECT_THAT(bind(""), IsOkAndHolds(HostPort{"", 1}));
  EXPECT_THAT(bind("0.0.0.0"), IsOkAndHolds(HostPort{"0.0.0.0", 1}));
  EXPECT_THAT(bind("localhost"), IsOkAndHolds(HostPort{"127.0.0.1", 1}));
  EXPECT_THAT(bind("::"), IsOkAndHolds(HostPort{"::", 1}));
  EXPECT_THAT(bind("[::]"), IsOkAndHolds(HostPort{"::", 1}));
  EXPECT_THAT(bind("fe80::1%eth0"), IsOkAndHolds(HostPort{"fe80::1%eth0", 1}));
  for (const char* host : {"[]", "[1.2.3.4]", "1.2.3", "example.org", "::1]", "%", " "})
    EXPECT_THAT(bind(host), StatusIs(kInvalid, HasSubstr("flag --host: not an ip address: ")));
  EXPECT_THAT(BindAddress("host", "", "port", -1), StatusIs(kInvalid, HasSubstr("--port: not a ")));
}

TEST(FlagValues, FileModesAreOctal) {
  EXPECT_THAT(FileMode("mode", "0660"), IsOkAndHolds(0660u));
  EXPECT_THAT(FileMode("mode", "777"), IsOkAndHolds(0777u));
  for (const char* mode : {"", "0888", "rw-", "01000", "-1", "0660 ", "99999999999"})
    EXPECT_THAT(FileMode("mode", mode), StatusIs(kInvalid, HasSubstr("--mode: must be octal")));
}

TEST(FlagValues, GroupsByNameOrNumber) {
  EXPECT_THAT(GroupId("group", "root"), IsOkAndHolds(0u));
  EXPECT_THAT(GroupId("group", "65532"), IsOkAndHolds(65532u));
  for (const char* group : {"", "no such group", "-1", "99999999999"})
    EXPECT_THAT(GroupId("group", group), StatusIs(kInvalid, HasSubstr("--group: no such group")));
}

TEST(FlagValues, AtLeast) {
  EXPECT_THAT(AtLeast("count", 2, 2), IsOkAndHolds(2));
  EXPECT_THAT(AtLeast("count", 1, 2), StatusIs(kInvalid, HasSubstr("--count: must be at least 2")));
}

TEST(FlagValues, ProcessIdFromFlagEnvironmentOrChance) {
  ASSERT_EQ(::setenv("HAWSER_TEST_ID", "env", 1), 0);
  EXPECT_THAT(ProcessId("flag", "HAWSER_TEST_ID"), IsOkAndHolds(std::string("flag")));
  EXPECT_THAT(ProcessId("", "HAWSER_TEST_ID"), IsOkAndHolds(std::string("env")));
  ASSERT_EQ(::setenv("HAWSER_TEST_ID", "", 1), 0);
  const auto random = ProcessId("", "HAWSER_TEST_ID");
  ASSERT_TRUE(random.ok());
  EXPECT_EQ(random->size(), 36);
  EXPECT_NE(*random, *ProcessId("", "HAWSER_TEST_ID"));
}

}  // namespace
}  // namespace hawser::base
