#include "lib/net/connect_reply.h"

#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::net {
namespace {

using ::hawser::testing::IsOkAndHolds;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(ConnectReply, ReadsStatusAndFindsTheEnd) {
  const std::string head =
      "HTTP/1.1 200 Connection established\r\nProxy-Agent: \xc3\xa4\tb\r\n\r\n";
  ConnectReply reply;
  EXPECT_THAT(reply.Feed(Bytes(head + "left")), IsOkAndHolds(head.size()));
  EXPECT_TRUE(reply.complete());
  EXPECT_EQ(reply.status(), 200);
  EXPECT_EQ(reply.reason(), "Connection established");
  EXPECT_THAT(reply.Feed(Bytes("more")), IsOkAndHolds(0u));
}

TEST(ConnectReply, KeepsFields) {
  const std::string head =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade:websocket\r\nX-Y: \t a b \r\nno field\r\n"
      " folded: 1\r\n: 2\r\nEmpty:\r\n\r\n";
  ConnectReply reply;
  EXPECT_THAT(reply.Feed(Bytes(head)), IsOkAndHolds(head.size()));
  EXPECT_EQ(reply.fields().Get("upgrade"), "websocket");
  EXPECT_EQ(reply.fields().Get("x-y"), "a b");
  EXPECT_TRUE(reply.fields().Has("empty"));
  EXPECT_EQ(reply.fields().entries().size(), 3u);
}

TEST(ConnectReply, TakesTheHeadByteByByte) {
  const std::string head = "HTTP/1.0 407 \nA: b\n\n";
  ConnectReply reply;
  for (const char byte : head) {
    EXPECT_FALSE(reply.complete());
    EXPECT_THAT(reply.Feed(Bytes({byte})), IsOkAndHolds(1u));
  }
  EXPECT_TRUE(reply.complete());
  EXPECT_EQ(reply.status(), 407);
  EXPECT_EQ(reply.reason(), "");
}

TEST(ConnectReply, RefusesWhatIsNoAnswer) {
  for (const char* head :
       {"\r\n\r\n", "SSH-2.0-server\r\n", "HTTP/2 200\r\n", "HTTP/1.1 20 x\r\n",
        "HTTP/1.1  200\r\n", "HTTP/1.1 2000\r\n", "HTTP/1.1 099 x\r\n", "http/1.1 200 x\r\n",
        "HTTP/1.1 200 \x1b[2J\r\n", "HTTP/1.1 200\rx\r\n", "HTTP/1.1 200 x\r\na\x7f\r\n"}) {
    ConnectReply reply;
    EXPECT_THAT(reply.Feed(Bytes(head)).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("http response: ")))
        << head;
  }
  ConnectReply reply;
  EXPECT_EQ(reply.Feed(Bytes("HTTP/1.1 200 OK\r\nzero: " + std::string(1, '\0'))).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ConnectReply, IsBounded) {
  ConnectReply reply;
  EXPECT_THAT(reply.Feed(Bytes("HTTP/1.1 200 " + std::string(20'000, 'x'))).status(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("16384 bytes")));
}

}  // namespace
}  // namespace hawser::net
