#include "lib/net/http1_head.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/base/status.h"
#include "lib/testing/status_matchers.h"

namespace hawser::net {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using namespace std::string_literals;

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Feeds `text` in two parts, the first of `cut` bytes; returns how many bytes the head took.
absl::StatusOr<size_t> FeedCut(Http1Head& head, const std::string& text, size_t cut) {
  HAWSER_ASSIGN_OR_RETURN(const size_t first, head.Feed(Bytes(text).first(cut)));
  HAWSER_ASSIGN_OR_RETURN(const size_t second, head.Feed(Bytes(text).subspan(first)));
  return first + second;
}

absl::Status FeedAll(const std::string& text) {
  Http1Head head;
  return head.Feed(Bytes(text)).status();
}

const std::string kConnect =
    "CONNECT Paris.example:443 HTTP/1.1\r\n"
    "Host: paris.example:443\r\n"
    "X-Empty:\r\n"
    "Proxy-Authorization:\t Basic  abc \t\r\n"
    "\r\n";

TEST(Http1HeadTest, ReadsAHeadCutAnywhereAndLeavesWhatFollows) {
  const std::string text = kConnect + "\x16\x03\x01";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    SCOPED_TRACE(cut);
    Http1Head head;
    const auto used = FeedCut(head, text, cut);
    ASSERT_THAT(used, IsOk());
    EXPECT_EQ(*used, kConnect.size());
    ASSERT_TRUE(head.complete());
    EXPECT_EQ(head.method(), "CONNECT");
    EXPECT_EQ(head.target(), "Paris.example:443");
    ASSERT_EQ(head.headers().entries().size(), 3u);
    EXPECT_EQ(head.headers().Get("host"), "paris.example:443");
    EXPECT_TRUE(head.headers().Has("x-empty"));
    EXPECT_EQ(head.headers().Get("proxy-authorization"), "Basic  abc");
  }
}

TEST(Http1HeadTest, IsIncompleteUntilTheEmptyLine) {
  Http1Head head;
  ASSERT_THAT(head.Feed(Bytes(kConnect).first(kConnect.size() - 1)), IsOk());
  EXPECT_FALSE(head.complete());
  ASSERT_THAT(head.Feed(Bytes("\n")), IsOk());
  EXPECT_TRUE(head.complete());
  EXPECT_THAT(head.Feed(Bytes("GET")), testing::IsOkAndHolds(0u));
}

TEST(Http1HeadTest, DoesNotWaitForABody) {
  Http1Head head;
  const std::string text = "POST /x?y=1 HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello";
  EXPECT_THAT(head.Feed(Bytes(text)), testing::IsOkAndHolds(text.size() - 5));
  EXPECT_TRUE(head.complete());
  EXPECT_EQ(head.method(), "POST");
  EXPECT_EQ(head.target(), "/x?y=1");
}

TEST(Http1HeadTest, RefusesWhatOthersMightReadDifferently) {
  const std::string malformed[] = {
      "\r\nGET / HTTP/1.1\r\n\r\n",
      " GET / HTTP/1.1\r\n\r\n",
      "GET  / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1 \r\n\r\n",
      "GET\t/ HTTP/1.1\r\n\r\n",
      "GET /\ta HTTP/1.1\r\n\r\n",
      "GET /\r\n\r\n",
      "GET / HTTP/0.9\r\n\r\n",
      "GET / HTTP/2.0\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "NOSUCH / HTTP/1.1\r\n\r\n",
      "get / HTTP/1.1\r\n\r\n",
      "GET /\xc3\xa9 HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\n",
      "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
      "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/1.1\r\nHo st: a\r\n\r\n",
      "GET / HTTP/1.1\r\n: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost\r\n\r\n",
      "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n",
      "GET / HTTP/1.1\r\nHost:\r\n b\r\n\r\n",
      "GET / HTTP/1.1\r\nH\xc3\xb6st: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "GET /\0 HTTP/1.1\r\n\r\n"s,
      "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"s,
      "\x16\x03\x01\x02",
  };
  for (const std::string& text : malformed) {
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      Http1Head head;
      EXPECT_THAT(FeedCut(head, text, cut), StatusIs(absl::StatusCode::kInvalidArgument))
          << text << " cut at " << cut;
      EXPECT_FALSE(head.complete());
    }
  }
}

TEST(Http1HeadTest, NamesWhatIsWrong) {
  EXPECT_THAT(FeedAll("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("byte 32 in line 3")));
  EXPECT_THAT(FeedAll("GET / HTTP/1.1\r\nA : b\r\n\r\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no token")));
  EXPECT_THAT(FeedAll("GET  / HTTP/1.1\r\n\r\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("spaces")));
}

TEST(Http1HeadTest, BoundsTheHead) {
  const std::string start = "GET / HTTP/1.1\r\nA: ";
  const std::string fits = start + std::string(Http1Head::kMaxBytes - start.size() - 4, 'a');
  EXPECT_THAT(FeedAll(fits + "\r\n\r\n"), IsOk());
  const std::string too_long = fits + "a\r\n\r\n";
  for (const size_t cut : {size_t{1}, Http1Head::kMaxBytes - 1, Http1Head::kMaxBytes}) {
    Http1Head head;
    EXPECT_THAT(FeedCut(head, too_long, cut),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("16384 bytes")));
  }
}

TEST(Http1HeadTest, BoundsTheNumberOfFields) {
  std::string text = "GET / HTTP/1.1\r\n";
  for (size_t i = 0; i < Http1Head::kMaxFields; ++i) text += "A: b\r\n";
  EXPECT_THAT(FeedAll(text + "\r\n"), IsOk());
  EXPECT_THAT(FeedAll(text + "A: b\r\n\r\n"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("100 header fields")));
}

}  // namespace
}  // namespace hawser::net
