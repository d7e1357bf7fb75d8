#include "lib/tunnel/failure.h"

#include <gtest/gtest.h>

#include <string>

namespace hawser::tunnel {
namespace {

TEST(Failure, EveryReasonHasANameAndAStatus) {
  for (int value = 0; value < static_cast<int>(kReasons); ++value) {
    const Reason reason = ReasonFromWire(value);
    EXPECT_EQ(static_cast<int>(reason), value);
    if (value != 0) {
      EXPECT_STRNE(ReasonName(reason), "unknown");
    }
    EXPECT_GE(HttpStatus(reason), 400);
  }
  EXPECT_EQ(HttpStatus(Reason::kNoAgent), 503);
  EXPECT_EQ(HttpStatus(Reason::kRefused), 502);
  EXPECT_EQ(HttpStatus(Reason::kTimedOut), 504);
  EXPECT_EQ(HttpStatus(Reason::kPolicyDenied), 403);
}

TEST(Failure, ValuesOfTheFutureAreUnknown) {
  EXPECT_EQ(ReasonFromWire(12345), Reason::kUnknown);
  EXPECT_EQ(ReasonFromWire(static_cast<int>(kReasons)), Reason::kUnknown);
  EXPECT_EQ(ReasonFromWire(-1), Reason::kUnknown);
  EXPECT_EQ(HopFromWire(77), Hop::kUnknown);
}

TEST(Failure, TextOfReferenceAgentsIsUnderstood) {
  EXPECT_EQ(ReasonFromText("dial tcp 10.0.0.1:80: connect: connection refused"), Reason::kRefused);
  EXPECT_EQ(ReasonFromText("dial tcp: lookup nope on 10.0.0.2:53: no such host"),
            Reason::kNameNotFound);
  EXPECT_EQ(ReasonFromText("dial tcp 10.0.0.1:80: i/o timeout"), Reason::kTimedOut);
  EXPECT_EQ(ReasonFromText("dial tcp: lookup web on 10.0.0.2:53: server misbehaving"),
            Reason::kLookupFailed);
  EXPECT_EQ(ReasonFromText("something new"), Reason::kUnknown);
}

TEST(Failure, WireTextIsShortAscii) {
  EXPECT_EQ(WireText("plain text"), "plain text");
  EXPECT_EQ(WireText(std::string("a\0b\nc\xff", 6)), "a?b?c?");
  EXPECT_EQ(WireText(std::string(5000, 'x')).size(), 1024u);
}

}  // namespace
}  // namespace hawser::tunnel
