#include "lib/base/quote.h"

#include <gtest/gtest.h>

namespace hawser::base {
namespace {

TEST(Quote, LeavesPlainTextReadable) {
  EXPECT_EQ(Quote("web.default.svc:80"), "\"web.default.svc:80\"");
  EXPECT_EQ(Quote(""), "\"\"");
}

TEST(Quote, EscapesWhatCouldForgeALogLine) {
  EXPECT_EQ(Quote("a\nE1121 b"), "\"a\\nE1121 b\"");
  EXPECT_EQ(Quote(std::string("\x1b[2J\0", 5)), "\"\\x1b[2J\\x00\"");
  EXPECT_EQ(Quote("say \"hi\""), "\"say \\\"hi\\\"\"");
  EXPECT_EQ(Quote("m\u00fcnchen"), "\"m\\xc3\\xbcnchen\"");
}

TEST(Quote, CutsLongText) {
  EXPECT_EQ(Quote(std::string(80, 'a')), "\"" + std::string(80, 'a') + "\"");
  EXPECT_EQ(Quote(std::string(1 << 20, 'a')), "\"" + std::string(80, 'a') + "\"...");
}

}  // namespace
}  // namespace hawser::base
