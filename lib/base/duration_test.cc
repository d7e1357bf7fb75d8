#include "lib/base/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using hawser::testing::IsOkAndHolds;
using hawser::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

TEST(ParseDuration, ReadsWhatGoReads) {
  EXPECT_THAT(ParseDuration("0"), IsOkAndHolds(0s));
  EXPECT_THAT(ParseDuration("-0"), IsOkAndHolds(0s));
  EXPECT_THAT(ParseDuration("0s"), IsOkAndHolds(0s));
  EXPECT_THAT(ParseDuration("15s"), IsOkAndHolds(15s));
  EXPECT_THAT(ParseDuration("+15s"), IsOkAndHolds(15s));
  EXPECT_THAT(ParseDuration("-1m"), IsOkAndHolds(-1min));
  EXPECT_THAT(ParseDuration("1h0m0s"), IsOkAndHolds(1h));
  EXPECT_THAT(ParseDuration("1h30m15.5s"), IsOkAndHolds(1h + 30min + 15500ms));
  EXPECT_THAT(ParseDuration("3s1h"), IsOkAndHolds(1h + 3s));
  EXPECT_THAT(ParseDuration("500ms"), IsOkAndHolds(500ms));
  EXPECT_THAT(ParseDuration("12us"), IsOkAndHolds(12us));
  EXPECT_THAT(ParseDuration("12\u00b5s"), IsOkAndHolds(12us));
  EXPECT_THAT(ParseDuration("12\u03bcs"), IsOkAndHolds(12us));
  EXPECT_THAT(ParseDuration("7ns"), IsOkAndHolds(7ns));
  EXPECT_THAT(ParseDuration("8760h"), IsOkAndHolds(8760h));
}

TEST(ParseDuration, ReadsFractions) {
  EXPECT_THAT(ParseDuration(".5s"), IsOkAndHolds(500ms));
  EXPECT_THAT(ParseDuration("5.s"), IsOkAndHolds(5s));
  EXPECT_THAT(ParseDuration("1.0000000019s"), IsOkAndHolds(1s + 1ns));
  EXPECT_THAT(ParseDuration("0.3333333333333333333h"), IsOkAndHolds(20min - 1ns));
  EXPECT_THAT(ParseDuration("0.9ns"), IsOkAndHolds(0s));
}

TEST(ParseDuration, ReadsUpToTheRange) {
  EXPECT_THAT(ParseDuration("9223372036854775807ns"), IsOkAndHolds(Duration::max()));
  EXPECT_THAT(ParseDuration("2562047h47m16.854775807s"), IsOkAndHolds(Duration::max()));
  EXPECT_THAT(ParseDuration("-2562047h47m16.854775807s"), IsOkAndHolds(-Duration::max()));
  for (const char* text : {"9223372036854775808ns", "2562047h47m16.854775808s", "2562048h",
                           "99999999999999999999999999999999999999999999s", "3000000h3000000h"})
    EXPECT_THAT(ParseDuration(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("out of range")))
        << text;
}

TEST(ParseDuration, SaysWhatIsWrong) {
  const auto expect = [](const std::string& text, const std::string& why) {
    EXPECT_THAT(ParseDuration(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                              AllOf(HasSubstr("duration \""), HasSubstr(why))))
        << text;
  };
  for (const char* text : {"", "-", "+", "s", ".s", ".", "--1s", "+-1s", " 1s", "m1s"})
    expect(text, "missing number");
  for (const char* text : {"10", "1s5", "00", "1.5", "1.5.5s"}) expect(text, "missing unit");
  expect("1min", "unknown unit \"min\"");
  expect("1S", "unknown unit \"S\"");
  expect("1s ", "unknown unit \"s \"");
  expect("1d", "unknown unit \"d\"");
  expect("1\n", "unknown unit \"\\n\"");
  expect(std::string("1s\0", 3), "unknown unit \"s\\x00\"");
}

TEST(FormatDuration, PrintsWhatGoPrints) {
  EXPECT_EQ(FormatDuration(0s), "0s");
  EXPECT_EQ(FormatDuration(1ns), "1ns");
  EXPECT_EQ(FormatDuration(1100ns), "1.1\u00b5s");
  EXPECT_EQ(FormatDuration(2200us), "2.2ms");
  EXPECT_EQ(FormatDuration(300ms), "300ms");
  EXPECT_EQ(FormatDuration(3300ms), "3.3s");
  EXPECT_EQ(FormatDuration(15s), "15s");
  EXPECT_EQ(FormatDuration(60s), "1m0s");
  EXPECT_EQ(FormatDuration(4min + 5s + 1ms), "4m5.001s");
  EXPECT_EQ(FormatDuration(1h), "1h0m0s");
  EXPECT_EQ(FormatDuration(-90min), "-1h30m0s");
  EXPECT_EQ(FormatDuration(Duration::max()), "2562047h47m16.854775807s");
  EXPECT_EQ(FormatDuration(Duration::min()), "-2562047h47m16.854775808s");
}

}  // namespace
}  // namespace hawser::base
