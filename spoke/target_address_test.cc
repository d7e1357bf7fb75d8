#include "spoke/target_address.h"

#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

std::string Parse(const std::string& text) {
  const auto target = ParseTargetAddress(text);
  return target.ok() ? target->host + " " + std::to_string(target->port)
                     : std::string(target.status().message());
}

TEST(TargetAddress, NamesAndAddressesBecomeCanonical) {
  EXPECT_EQ(Parse("web.default.svc.paris:80"), "web.default.svc.paris 80");
  EXPECT_EQ(Parse("WEB.Default.svc.:8080"), "web.default.svc 8080");
  EXPECT_EQ(Parse("10.96.0.10:443"), "10.96.0.10 443");
  EXPECT_EQ(Parse("[2001:DB8::1]:65535"), "2001:db8::1 65535");
  EXPECT_EQ(Parse("[::ffff:10.0.0.1]:80"), "10.0.0.1 80");
}

TEST(TargetAddress, RefusesTheRest) {
  for (const std::string text :
       {"", ":", "web", "web:", ":80", "web:0", "web:65536", "web:-1", "web:http", "a b:80",
        "[::1:80", "::1:80", "[fe80::1%eth0]:80", "-web:80", "web:80:80", "web:080000"})
    EXPECT_THAT(ParseTargetAddress(text).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("dial tcp: address")))
        << text;
  EXPECT_THAT(ParseTargetAddress(std::string(400, 'a') + ":80").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("too long")));
}

TEST(WithFinalDot, OfNamesOnly) {
  EXPECT_EQ(WithFinalDot("web.test", "Web.test.:80"), "web.test.");
  EXPECT_EQ(WithFinalDot("web.test", "web.test."), "web.test.");
  EXPECT_EQ(WithFinalDot("web.test", "web.test:80"), "web.test");
  EXPECT_EQ(WithFinalDot("10.0.0.1", "10.0.0.1.:80"), "10.0.0.1");
  EXPECT_EQ(WithFinalDot("::1", "[::1]:80"), "::1");
  EXPECT_EQ(WithFinalDot("::1", "::1"), "::1");
}

TEST(MistypedAddress, HasNothingButDigits) {
  for (const char* host : {"10.0.0.300", "10.1", "0300.1.1.1"})
    EXPECT_TRUE(IsMistypedAddress(host)) << host;
  // Names that can be dialled can be allowed, too.
  for (const char* host : {"10.0.0.30", "::1", "fd00::2", "7.web", "web.7", "5432", "1.2.3.4.io"})
    EXPECT_FALSE(IsMistypedAddress(host)) << host;
}

TEST(TargetAddress, ErrorsCarryNoControlCharacters) {
  EXPECT_THAT(Parse(std::string("we\nb\0:80", 8)), Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace hawser::spoke
