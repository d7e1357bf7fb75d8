#include "lib/net/dns/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::net::dns {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;
using namespace std::string_literals;

const std::string kQuery = MakeQuery("web.test", RecordType::kA, 0x1234);

// The answer to `query` with these flags and `count` answer records.
std::string Answer(const std::string& query, const std::string& flags, char count,
                   const std::string& records) {
  return query.substr(0, 2) + flags + "\0\1\0"s + count + "\0\0\0\0"s + query.substr(12) + records;
}

std::string A(char last, char ttl) {
  return "\xc0\x0c\0\1\0\1\0\0\0"s + ttl + "\0\4\x0a\0\0"s + last;
}

TEST(MakeQuery, AsInTheRfc) {
  EXPECT_EQ(kQuery, "\x12\x34\1\0\0\1\0\0\0\0\0\0\3web\4test\0\0\1\0\1"s);
  EXPECT_EQ(IdOf(kQuery), 0x1234);
  EXPECT_THAT(MakeQuery("a", RecordType::kAaaa, 0), ::testing::EndsWith("\1a\0\0\x1c\0\1"s));
}

TEST(ParseReply, Addresses) {
  const auto reply =
      ParseReply(kQuery, Answer(kQuery, "\x81\x80", 2, A(1, 60) + A(2, 7)), RecordType::kA);
  ASSERT_TRUE(reply.has_value());
  EXPECT_THAT(reply->status, IsOk());
  ASSERT_THAT(reply->addresses, SizeIs(2));
  EXPECT_EQ(reply->addresses[1].to_string(), "10.0.0.2");
  EXPECT_EQ(reply->ttl, 7s);
  EXPECT_FALSE(reply->truncated);
}

TEST(ParseReply, AnAlias) {
  // web.test is db.test, 5 s; db.test has an address, 60 s.
  const std::string alias = "\xc0\x0c\0\5\0\1\0\0\0\5\0\5\2db\xc0\x10"s;
  const std::string address = "\2db\xc0\x10\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1"s;
  const auto reply =
      ParseReply(kQuery, Answer(kQuery, "\x81\x80", 2, alias + address), RecordType::kA);
  ASSERT_TRUE(reply.has_value());
  EXPECT_THAT(reply->addresses, SizeIs(1));
  EXPECT_EQ(reply->ttl, 5s);
}

TEST(ParseReply, NoAddresses) {
  const auto no_data = ParseReply(kQuery, Answer(kQuery, "\x81\x80", 0, ""), RecordType::kA);
  ASSERT_TRUE(no_data.has_value());
  EXPECT_THAT(no_data->status, IsOk());
  EXPECT_THAT(no_data->addresses, IsEmpty());
  const auto status = [](const std::string& flags, char count = 0,
                         const std::string& records = "") {
    const auto reply = ParseReply(kQuery, Answer(kQuery, flags, count, records), RecordType::kA);
    return reply ? reply->status : absl::InternalError("no reply");
  };
  EXPECT_THAT(status("\x81\x83"), StatusIs(absl::StatusCode::kNotFound, "no such host"));
  EXPECT_THAT(status("\x81\x82"), StatusIs(absl::StatusCode::kUnavailable, "server misbehaving"));
  EXPECT_THAT(status("\x81\x85"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(status("\x81\0"s), StatusIs(absl::StatusCode::kUnavailable)) << "a referral";
  EXPECT_THAT(status("\x81\x80", 9, "nonsense"), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(ParseReply, Truncated) {
  const auto reply = ParseReply(kQuery, Answer(kQuery, "\x83\x80", 1, A(1, 60)), RecordType::kA);
  ASSERT_TRUE(reply.has_value());
  EXPECT_TRUE(reply->truncated);
  EXPECT_THAT(reply->addresses, SizeIs(1));
  const auto cut = ParseReply(kQuery, Answer(kQuery, "\x83\x80", 2, A(1, 60)), RecordType::kA);
  ASSERT_TRUE(cut.has_value());
  EXPECT_THAT(cut->status, IsOk());
}

TEST(ParseReply, WhatAnswersSomethingElse) {
  const std::string good = Answer(kQuery, "\x81\x80", 1, A(1, 60));
  const auto matches = [](const std::string& query, const std::string& bytes) {
    return ParseReply(query, bytes, RecordType::kA).has_value();
  };
  EXPECT_TRUE(matches(kQuery, good));
  EXPECT_TRUE(matches(MakeQuery("WEB.test", RecordType::kA, 0x1234), good));
  EXPECT_FALSE(matches(MakeQuery("web.test", RecordType::kA, 0x1235), good));
  EXPECT_FALSE(matches(MakeQuery("web.tess", RecordType::kA, 0x1234), good));
  EXPECT_FALSE(matches(MakeQuery("web.test", RecordType::kAaaa, 0x1234), good));
  EXPECT_FALSE(matches(kQuery, kQuery)) << "a question";
  for (size_t size = 0; size < kQuery.size(); ++size)
    EXPECT_FALSE(matches(kQuery, good.substr(0, size)));
}

}  // namespace
}  // namespace hawser::net::dns
