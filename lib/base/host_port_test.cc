#include "lib/base/host_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using hawser::testing::IsOkAndHolds;
using hawser::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ParseHostPort, ReadsNamesAndAddresses) {
  EXPECT_THAT(ParseHostPort("web.default.svc.paris:80"),
              IsOkAndHolds(HostPort{"web.default.svc.paris", 80}));
  EXPECT_THAT(ParseHostPort("Paris.:6443"), IsOkAndHolds(HostPort{"Paris.", 6443}));
  EXPECT_THAT(ParseHostPort("10.96.0.7:0"), IsOkAndHolds(HostPort{"10.96.0.7", 0}));
  EXPECT_THAT(ParseHostPort("10.96.0.7:00080"), IsOkAndHolds(HostPort{"10.96.0.7", 80}));
  EXPECT_THAT(ParseHostPort("[::1]:65535"), IsOkAndHolds(HostPort{"::1", 65535}));
  EXPECT_THAT(ParseHostPort("[fe80::1%eth0]:22"), IsOkAndHolds(HostPort{"fe80::1%eth0", 22}));
  const std::string longest(253, 'a');
  EXPECT_THAT(ParseHostPort(longest + ":1"), IsOkAndHolds(HostPort{longest, 1}));
}

TEST(ParseHostPort, SaysWhatIsWrong) {
  const auto expect = [](const std::string& text, const std::string& why) {
    EXPECT_THAT(ParseHostPort(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                              AllOf(HasSubstr("address \""), HasSubstr(why))))
        << text;
  };
  for (const char* text : {"", "web", "web:", "[::1]", "[::1]:"}) expect(text, "missing port");
  for (const char* text : {":80", "[]:80"}) expect(text, "missing host");
  for (const char* text : {"::1:80", "a:b:80", "::1", "[::1:80", "[::1]a:80"})
    expect(text, "too many colons");
  for (const char* text : {"web:http", "web:-1", "web:+1", "web: 80", "web:80 ", "web:65536",
                           "web:000080", "web:99999999999999999999", "web:0x50", "web:8\n"})
    expect(text, "port is not a number up to 65535");
  for (const char* text : {"[web]:80", "[10.0.0.1]:80", "[::1%]:80", "[%eth0]:80", "[1::2::3]:80"})
    expect(text, "no IPv6 address in the brackets");
  for (const char* text : {"a b:80", "a\r\nHost:80", "[web:80", "web]:80", "[[::1]]:80", "a/b:80",
                           "http://web:80", "m\u00fcnchen:80", "a\x7f:80"})
    EXPECT_THAT(ParseHostPort(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  for (const char* text : {"http://web:80", "https://web", "tcp://[::1]:80"}) expect(text, "a URL");
  expect("a b:80", "character that is not allowed");
  expect(std::string("a\0b:80", 6), "character that is not allowed");
  expect(std::string(254, 'a') + ":80", "longer than 253");
}

TEST(ParseHostPort, QuotesWhatItWasGiven) {
  EXPECT_THAT(ParseHostPort("we\nb"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "address \"we\\nb\" (want host:port): missing port"));
}

TEST(FormatHostPort, PutsBracketsAroundIpv6Only) {
  EXPECT_EQ(FormatHostPort({"web.default.svc", 80}), "web.default.svc:80");
  EXPECT_EQ(FormatHostPort({"::1", 443}), "[::1]:443");
  EXPECT_EQ(FormatHostPort({"", 8090}), ":8090");
}

}  // namespace
}  // namespace hawser::base
