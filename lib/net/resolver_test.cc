#include "lib/net/resolver.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/net/test_dns_server.h"
#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"

namespace hawser::net {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::RunUntil;
using ::hawser::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

class ResolverTest : public ::testing::Test {
 protected:
  // As on a machine that searches one domain.
  ResolverTest() {
    ::setenv("LOCALDOMAIN", "search.test", 1);
    ::setenv("RES_OPTIONS", "ndots:1", 1);
  }

  absl::StatusOr<std::vector<std::string>> Resolve(const std::string& host,
                                                   base::Duration deadline = 20s) {
    std::optional<absl::StatusOr<std::vector<asio::ip::address>>> result;
    const auto lookup =
        resolver_.Resolve(host, deadline, [&](auto got) { result = std::move(got); });
    EXPECT_FALSE(result.has_value()) << "called back within the call";
    RunUntil(loop_, [&] { return result.has_value(); });
    if (!result->ok()) return result->status();
    std::vector<std::string> texts;
    for (const asio::ip::address& address : **result) texts.push_back(address.to_string());
    return texts;
  }

  EventLoop loop_;
  TestDnsServer dns_{loop_};
  Resolver resolver_{loop_, {.servers = dns_.address(), .max_lookups = 2}};
};

TEST_F(ResolverTest, AddressesAreTheirOwnAnswer) {
  EXPECT_THAT(*Resolve("10.1.2.3"), ElementsAre("10.1.2.3"));
  EXPECT_THAT(*Resolve("2001:db8::1"), ElementsAre("2001:db8::1"));
  EXPECT_THAT(dns_.questions(), IsEmpty());
}

TEST_F(ResolverTest, AsksForBothFamilies) {
  dns_.Add("web.test", "10.0.0.1");
  dns_.Add("web.test", "10.0.0.2");
  dns_.Add("web.test", "2001:db8::1");
  EXPECT_THAT(*Resolve("web.test"), UnorderedElementsAre("10.0.0.1", "10.0.0.2", "2001:db8::1"));
  EXPECT_THAT(dns_.questions(), ElementsAre("web.test", "web.test"));
}

TEST_F(ResolverTest, OneFamilyIsEnough) {
  dns_.Add("six.test", "2001:db8::6");
  EXPECT_THAT(*Resolve("six.test"), ElementsAre("2001:db8::6"));
}

TEST_F(ResolverTest, UsesTheSearchDomains) {
  dns_.Add("web.search.test", "10.0.0.1");
  EXPECT_THAT(*Resolve("web"), ElementsAre("10.0.0.1"));
}

TEST_F(ResolverTest, ReadsTheHostsFile) {
  EXPECT_THAT(*Resolve("localhost"), ::testing::Contains("127.0.0.1"));
  EXPECT_THAT(dns_.questions(), IsEmpty());
}

TEST_F(ResolverTest, NoSuchHost) {
  EXPECT_THAT(Resolve("nobody.test"),
              StatusIs(absl::StatusCode::kNotFound, "lookup nobody.test: no such host"));
  dns_.set_failure(TestDnsServer::kNoError);  // the name exists, but has no address
  EXPECT_THAT(Resolve("empty.test"),
              StatusIs(absl::StatusCode::kNotFound, "lookup empty.test: no such host"));
}

TEST_F(ResolverTest, RefusesWhatIsNoName) {
  for (const std::string& host :
       {std::string(), std::string("a b"), std::string("10.0.0.1\0.test", 14), std::string("a\nb"),
        std::string(254, 'a')}) {
    EXPECT_THAT(Resolve(host),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no host name")));
  }
  EXPECT_THAT(dns_.questions(), IsEmpty());
}

TEST_F(ResolverTest, AFailingServerIsUnavailable) {
  dns_.set_failure(TestDnsServer::kServerFailure);
  EXPECT_THAT(Resolve("web.test"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("lookup web.test: ")));
}

TEST_F(ResolverTest, ASilentServerMeetsTheDeadline) {
  dns_.set_silent(true);
  EXPECT_THAT(Resolve("web.test", 100ms),
              StatusIs(absl::StatusCode::kDeadlineExceeded, "lookup web.test: timed out"));
}

TEST_F(ResolverTest, AsksAgainWhenAnAnswerIsLost) {
  dns_.Add("web.test", "10.0.0.1");
  dns_.set_silent(true);
  std::vector<asio::ip::address> addresses;
  const auto lookup = resolver_.Resolve("web.test", 20s, [&](auto got) {
    ASSERT_THAT(got, IsOk());
    addresses = *got;
  });
  RunUntil(loop_, [&] { return dns_.questions().size() == 2; });
  dns_.set_silent(false);
  RunUntil(loop_, [&] { return !addresses.empty(); });
}

TEST_F(ResolverTest, ACancelledLookupDoesNotCallBack) {
  dns_.Add("web.test", "10.0.0.1");
  auto literal = resolver_.Resolve("10.0.0.1", 20s, [](const auto&) { FAIL(); });
  auto running = resolver_.Resolve("web.test", 20s, [](const auto&) { FAIL(); });
  literal.reset();
  running.reset();
  EXPECT_THAT(*Resolve("web.test"), ElementsAre("10.0.0.1"));
}

TEST_F(ResolverTest, TheCallbackMayDestroyTheLookup) {
  std::unique_ptr<Lookup> lookup =
      resolver_.Resolve("nobody.test", 20s, [&](const auto&) { lookup.reset(); });
  RunUntil(loop_, [&] { return lookup == nullptr; });
}

TEST_F(ResolverTest, BoundsWhatRunsAtATime) {
  dns_.Add("web.test", "10.0.0.1");
  dns_.set_silent(true);
  std::vector<std::unique_ptr<Lookup>> stuck;
  for (int i = 0; i < 2; ++i)
    stuck.push_back(resolver_.Resolve("web.test", 20s, [](const auto&) { FAIL(); }));
  EXPECT_THAT(Resolve("web.test", 50ms), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(Resolve("10.0.0.1"), IsOk());

  auto cancelled = resolver_.Resolve("web.test", 20s, [](const auto&) { FAIL(); });
  bool resolved = false;
  const auto next = resolver_.Resolve("web.test", 20s, [&](const auto& got) {
    EXPECT_THAT(got, IsOk());
    resolved = true;
  });
  cancelled.reset();
  dns_.set_silent(false);
  stuck.clear();
  RunUntil(loop_, [&] { return resolved; });
}

}  // namespace
}  // namespace hawser::net
