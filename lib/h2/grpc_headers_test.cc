#include "lib/h2/grpc_headers.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <chrono>
#include <string>

namespace hawser::h2 {
namespace {

using namespace std::chrono_literals;  // NOLINT: for readable durations

TEST(HeaderBlockTest, KeepsPseudoHeadersApart) {
  HeaderBlock block;
  block.Begin(1000);
  ASSERT_TRUE(block.Add(":method", "POST"));
  ASSERT_TRUE(block.Add(":path", "/AgentService/Connect"));
  ASSERT_TRUE(block.Add(":authority", "hub"));
  ASSERT_TRUE(block.Add("agentid", "a"));
  ASSERT_TRUE(block.Add("agentid", "b"));
  EXPECT_EQ(block.method, "POST");
  EXPECT_EQ(block.path, "/AgentService/Connect");
  EXPECT_EQ(block.metadata.entries().size(), 2u);
  EXPECT_EQ(block.metadata.Get("agentid"), "a");
}

TEST(HeaderBlockTest, CountsAsHttp2Does) {
  HeaderBlock block;
  block.Begin(2 * (32 + 3 + 5));
  EXPECT_TRUE(block.Add("abc", "12345"));
  EXPECT_FALSE(block.Add("abc", "123456"));
  EXPECT_TRUE(block.Add("abc", "12345"));
  EXPECT_FALSE(block.Add("", ""));
  block.Begin(40);
  EXPECT_TRUE(block.metadata.entries().empty());
  EXPECT_TRUE(block.Add("abc", "12345"));
}

TEST(GrpcContentTypeTest, IsAPrefixWithSuffixOrParameters) {
  EXPECT_TRUE(IsGrpcContentType("application/grpc"));
  EXPECT_TRUE(IsGrpcContentType("application/grpc+proto"));
  EXPECT_TRUE(IsGrpcContentType("application/grpc;charset=utf-8"));
  EXPECT_FALSE(IsGrpcContentType("application/grpc-web"));
  EXPECT_FALSE(IsGrpcContentType("application/json"));
  EXPECT_FALSE(IsGrpcContentType(""));
}

TEST(PercentCodingTest, RoundTripsEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  const std::string encoded = PercentEncode(all);
  for (const char c : encoded) EXPECT_TRUE(c >= 0x20 && c <= 0x7e);
  EXPECT_EQ(PercentDecode(encoded), all);
}

TEST(PercentCodingTest, LeavesPrintableTextAlone) {
  EXPECT_EQ(PercentEncode("dial tcp: refused (x=1)"), "dial tcp: refused (x=1)");
  EXPECT_EQ(PercentEncode("100 %\n"), "100 %25%0A");
}

TEST(PercentCodingTest, DecodingNeverFails) {
  EXPECT_EQ(PercentDecode("%"), "%");
  EXPECT_EQ(PercentDecode("%4"), "%4");
  EXPECT_EQ(PercentDecode("%4g%41%zz%e2"), "%4gA%zz\xe2");
}

TEST(TimeoutTest, ParsesEveryUnit) {
  EXPECT_EQ(ParseTimeout("2H"), 2h);
  EXPECT_EQ(ParseTimeout("3M"), 3min);
  EXPECT_EQ(ParseTimeout("4S"), 4s);
  EXPECT_EQ(ParseTimeout("5m"), 5ms);
  EXPECT_EQ(ParseTimeout("6u"), 6us);
  EXPECT_EQ(ParseTimeout("00000007n"), 7ns);
}

TEST(TimeoutTest, TheLongestDoesNotOverflow) {
  const auto longest = ParseTimeout("99999999H");
  ASSERT_TRUE(longest.has_value());
  EXPECT_GT(*longest, 24h);
}

TEST(TimeoutTest, RefusesEverythingElse) {
  for (const char* text :
       {"", "S", "1", "123456789S", "-1S", "+1S", " 1S", "1 S", "1s", "0x1S", "1.5S", "S1"}) {
    EXPECT_FALSE(ParseTimeout(text).has_value()) << text;
  }
}

TEST(StatusTest, TravelsAsTrailers) {
  net::Metadata fields;
  AddStatus(absl::NotFoundError("no agent\tfor paris"), fields);
  EXPECT_EQ(fields.Get("grpc-status"), "5");
  EXPECT_EQ(fields.Get("grpc-message"), "no agent%09for paris");
  HeaderBlock block;
  block.metadata = fields;
  EXPECT_EQ(CallStatus(block), absl::NotFoundError("no agent\tfor paris"));
}

// What a peer asked for may be part of it.
TEST(StatusTest, ALongTextIsCut) {
  net::Metadata fields;
  AddStatus(absl::NotFoundError(std::string(10'000, '\xff')), fields);
  EXPECT_EQ(fields.Get("grpc-message").size(), 3 * 1024u);
}

TEST(StatusTest, OkHasNoMessage) {
  net::Metadata fields;
  AddStatus(absl::OkStatus(), fields);
  EXPECT_EQ(fields.Get("grpc-status"), "0");
  EXPECT_FALSE(fields.Has("grpc-message"));
}

TEST(StatusTest, MalformedOrMissingIsUnknown) {
  for (const char* text : {"", "17", "-1", "1x", "99999999999999999999"}) {
    HeaderBlock block;
    block.metadata.Add("grpc-status", text);
    EXPECT_EQ(CallStatus(block).code(), absl::StatusCode::kUnknown) << text;
  }
  EXPECT_EQ(CallStatus(HeaderBlock()).code(), absl::StatusCode::kUnknown);
}

struct HttpCase {
  const char* status;
  absl::StatusCode code;
};

TEST(StatusTest, HttpStatusStandsInForAMissingGrpcStatus) {
  for (const HttpCase& c : {HttpCase{"400", absl::StatusCode::kInternal},
                            HttpCase{"401", absl::StatusCode::kUnauthenticated},
                            HttpCase{"403", absl::StatusCode::kPermissionDenied},
                            HttpCase{"404", absl::StatusCode::kUnimplemented},
                            HttpCase{"429", absl::StatusCode::kUnavailable},
                            HttpCase{"502", absl::StatusCode::kUnavailable},
                            HttpCase{"503", absl::StatusCode::kUnavailable},
                            HttpCase{"504", absl::StatusCode::kUnavailable},
                            HttpCase{"500", absl::StatusCode::kUnknown}}) {
    HeaderBlock block;
    block.status = c.status;
    EXPECT_EQ(CallStatus(block).code(), c.code) << c.status;
    block.metadata.Add("grpc-status", "7");
    EXPECT_EQ(CallStatus(block).code(), absl::StatusCode::kPermissionDenied) << c.status;
  }
}

TEST(StatusTest, ResetCodesMapAsInTheGrpcSpecification) {
  EXPECT_EQ(ResetStatus(NGHTTP2_REFUSED_STREAM).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ResetStatus(NGHTTP2_CANCEL).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(ResetStatus(NGHTTP2_ENHANCE_YOUR_CALM).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ResetStatus(NGHTTP2_INADEQUATE_SECURITY).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ResetStatus(NGHTTP2_NO_ERROR).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ResetStatus(12345).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace hawser::h2
