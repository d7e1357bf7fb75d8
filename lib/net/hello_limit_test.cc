#include "lib/net/hello_limit.h"

#include <gtest/gtest.h>

#include <string>

namespace hawser::net {
namespace {

constexpr char kChange = 20, kData = 23, kHandshake = 22;
constexpr auto kTls13 = HelloLimit::Agreed::kTls13, kOlder = HelloLimit::Agreed::kOlder,
               kNothing = HelloLimit::Agreed::kNothing;
constexpr char kHello = 1, kCertificate = 11;

std::string Number(size_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    text.push_back(static_cast<char>(value >> shift));
  return text;
}
std::string Record(char type, const std::string& payload) {
  return type + std::string("\x03\x03") + Number(payload.size(), 2) + payload;
}
std::string MessageHeader(char type, size_t size) { return type + Number(size, 3); }
std::string Message(char type, size_t size) {
  return MessageHeader(type, size) + std::string(size, 'x');
}

bool Allowed(const std::string& bytes, size_t piece, HelloLimit::Agreed agreed = kTls13) {
  HelloLimit limit;
  for (size_t i = 0; i < bytes.size(); i += piece) {
    const std::string part = bytes.substr(i, piece);
    if (!limit.Allows({reinterpret_cast<const uint8_t*>(part.data()), part.size()}, agreed))
      return false;
  }
  return true;
}

class HelloLimitTest : public ::testing::TestWithParam<size_t> {};

TEST_P(HelloLimitTest, RefusesAHelloThatClaimsTooMuch) {
  EXPECT_TRUE(Allowed(Record(kHandshake, Message(kHello, HelloLimit::kMost - 4)), GetParam()));
  EXPECT_FALSE(
      Allowed(Record(kHandshake, MessageHeader(kHello, HelloLimit::kMost + 1)), GetParam()));
  // Its header in records of their own.
  std::string bytes;
  for (const char byte : MessageHeader(kHello, 131'000)) bytes += Record(kHandshake, {byte});
  EXPECT_FALSE(Allowed(bytes, GetParam()));
}

TEST_P(HelloLimitTest, RefusesASecondHelloToo) {
  const std::string first = Record(kHandshake, Message(kHello, 300));
  const std::string second = Record(kHandshake, MessageHeader(kHello, 131'000));
  EXPECT_FALSE(Allowed(first + second, GetParam()));
  EXPECT_FALSE(Allowed(first + Record(kChange, "\x01") + second, GetParam()));
  // A record that is cut in two within a body.
  const std::string body = Message(kHello, 300);
  EXPECT_FALSE(Allowed(
      Record(kHandshake, body.substr(0, 100)) + Record(kHandshake, body.substr(100)) + second,
      GetParam()));
}

TEST_P(HelloLimitTest, ASecondHelloMayComeBehindDataThatIsIgnored) {
  const std::string first = Record(kHandshake, Message(kHello, 300));
  const std::string second = Record(kHandshake, MessageHeader(kHello, 131'000));
  EXPECT_FALSE(Allowed(first + Record(kData, std::string(500, 'x')) + second, GetParam()));
}

TEST_P(HelloLimitTest, WhatIsEncryptedIsNoHello) {
  const std::string first = Record(kHandshake, Message(kHello, 300));
  const std::string like_one = Record(kHandshake, MessageHeader(kHello, 131'000));
  const std::string change = Record(kChange, "\x01");
  EXPECT_TRUE(Allowed(first + change + like_one, GetParam(), kOlder));
  EXPECT_FALSE(Allowed(first + change + like_one, GetParam(), kNothing)) << "before any answer";
}

TEST_P(HelloLimitTest, OtherMessagesAreForOpenssl) {
  EXPECT_TRUE(Allowed(Record(kHandshake, MessageHeader(kCertificate, 0xffffff)), GetParam()));
  EXPECT_TRUE(Allowed("GET / HTTP/1.1\r\n\r\n", GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Pieces, HelloLimitTest, ::testing::Values(1, 7, 100'000));

}  // namespace
}  // namespace hawser::net
