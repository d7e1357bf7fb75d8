#include "lib/net/dns/answer_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::net::dns {
namespace {

using ::hawser::testing::StatusIs;
using ::testing::ElementsAre;
using namespace std::chrono_literals;

class AnswerCacheTest : public ::testing::Test {
 protected:
  static AnswerCache::Addresses Addresses(const std::vector<std::string>& texts) {
    AnswerCache::Addresses addresses;
    for (const std::string& text : texts) addresses.push_back(asio::ip::make_address(text));
    return addresses;
  }
  std::vector<std::string> Find(const std::string& name) {
    const auto found = cache_.Find(name, now_);
    if (!found) return {"nothing"};
    std::vector<std::string> texts;
    for (const auto& address : **found) texts.push_back(address.to_string());
    return texts;
  }

  base::Time now_{1h};
  AnswerCache cache_{2};
};

TEST_F(AnswerCacheTest, HoldsAsLongAsTheAnswer) {
  cache_.Put("web", {Addresses({"10.0.0.1"})}, 5s, now_);
  now_ += 5s - 1ns;
  EXPECT_THAT(Find("web"), ElementsAre("10.0.0.1"));
  now_ += 1ns;
  EXPECT_THAT(Find("web"), ElementsAre("nothing"));
  EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(AnswerCacheTest, ASecondAtLeastAndNotForLong) {
  cache_.Put("short", {Addresses({"10.0.0.1"})}, 0s, now_);
  cache_.Put("long", {Addresses({"10.0.0.2"})}, 24h, now_);
  now_ += AnswerCache::kMinLife - 1ns;
  EXPECT_THAT(Find("short"), ElementsAre("10.0.0.1"));
  now_ += 1ns;
  EXPECT_THAT(Find("short"), ElementsAre("nothing"));
  now_ += AnswerCache::kMaxLife;
  EXPECT_THAT(Find("long"), ElementsAre("nothing"));
}

TEST_F(AnswerCacheTest, FailuresHoldBriefly) {
  cache_.Put("web", absl::NotFoundError("no such host"), now_);
  const auto found = cache_.Find("web", now_);
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(*found, StatusIs(absl::StatusCode::kNotFound));
  now_ += AnswerCache::kFailureLife;
  EXPECT_FALSE(cache_.Find("web", now_).has_value());
}

TEST_F(AnswerCacheTest, AddressesOfEqualRankTakeTurns) {
  cache_.Put("web", {Addresses({"::1", "::2"}), Addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"})},
             5s, now_);
  EXPECT_THAT(Find("web"), ElementsAre("::1", "::2", "10.0.0.1", "10.0.0.2", "10.0.0.3"));
  EXPECT_THAT(Find("web"), ElementsAre("::2", "::1", "10.0.0.2", "10.0.0.3", "10.0.0.1"));
}

TEST_F(AnswerCacheTest, WhatWasNotWantedForLongGoesFirst) {
  cache_.Put("a", {Addresses({"10.0.0.1"})}, 5s, now_);
  cache_.Put("b", {Addresses({"10.0.0.2"})}, 5s, now_);
  EXPECT_THAT(Find("a"), ElementsAre("10.0.0.1"));
  cache_.Put("c", {Addresses({"10.0.0.3"})}, 5s, now_);
  EXPECT_THAT(Find("b"), ElementsAre("nothing"));
  EXPECT_THAT(Find("a"), ElementsAre("10.0.0.1"));
  cache_.Put("a", {Addresses({"10.0.0.4"})}, 5s, now_);
  EXPECT_THAT(Find("a"), ElementsAre("10.0.0.4"));
  EXPECT_EQ(cache_.size(), 2u);
  cache_.Forget("a");
  cache_.Forget("a");
  EXPECT_THAT(Find("a"), ElementsAre("nothing"));
  cache_.Clear();
  EXPECT_EQ(cache_.size(), 0u);
}

}  // namespace
}  // namespace hawser::net::dns
