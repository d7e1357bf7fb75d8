#include "examples/proxy_test_client/http_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::examples {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

// A channel that gives `bytes` and then the end.
Channel Sending(const std::string& bytes) {
  Channel channel(BIO_new(BIO_s_mem()));
  BIO_set_mem_eof_return(channel.get(), 0);
  BIO_write(channel.get(), bytes.data(), static_cast<int>(bytes.size()));
  return channel;
}

TEST(HttpResponse, BodyWithLength) {
  const auto response =
      ReadResponse(*Sending("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 500 X\r\n"));
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->reason, "OK");
  EXPECT_EQ(response->body, "hello");
}

TEST(HttpResponse, BodyInChunks) {
  const auto response =
      ReadResponse(*Sending("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"));
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->body, "hello");
}

TEST(HttpResponse, BodyUpToTheEnd) {
  const auto response = ReadResponse(*Sending("HTTP/1.0 200 OK\r\n\r\nhello"));
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->body, "hello");
}

TEST(HttpResponse, EndsTooSoon) {
  for (const char* bytes : {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"})
    EXPECT_FALSE(ReadResponse(*Sending(bytes)).ok()) << bytes;
  EXPECT_THAT(ReadResponse(*Sending("")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ended before")));
}

TEST(HttpResponse, IsNoHttp) {
  EXPECT_THAT(ReadResponse(*Sending("SSH-2.0-OpenSSH\r\n")),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("bad HTTP response")));
}

TEST(HttpResponse, TunnelBeginsAfterTheHead) {
  const auto response =
      ReadConnectResponse(*Sending("HTTP/1.1 200 Connection Established\r\n\r\n"));
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "");
}

TEST(HttpResponse, StrayBytesBeforeTheTunnel) {
  EXPECT_THAT(ReadConnectResponse(*Sending("HTTP/1.1 200 Connection Established\r\n\r\nx")),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("1 bytes follow")));
}

TEST(HttpResponse, RefusedTunnelHasABody) {
  const auto response =
      ReadConnectResponse(*Sending("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 7\r\n\r\nrefused"));
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 502);
  EXPECT_EQ(response->body, "refused");
}

}  // namespace
}  // namespace hawser::examples
