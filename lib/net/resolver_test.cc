#include "lib/net/resolver.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
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
using ::hawser::testing::RunReady;
using ::hawser::testing::RunUntil;
using ::hawser::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

class ResolverTest : public ::testing::Test {
 protected:
  using Result = std::optional<absl::StatusOr<std::vector<asio::ip::address>>>;

  ResolverTest() {
    ::unsetenv("LOCALDOMAIN");
    ::unsetenv("RES_OPTIONS");
    Write(options_.files.resolv_conf, "search search.test\n");
    Write(options_.files.hosts, "10.9.9.9 printer.test Printer\n");
    options_.servers = {dns_.endpoint()};
    options_.file_interval = base::Duration::zero();
  }

  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }

  Resolver& resolver() {
    if (resolver_ == nullptr) resolver_ = std::make_unique<Resolver>(loop_, options_);
    return *resolver_;
  }

  // A lookup that is awaited some time, by `asker`.
  struct Pending {
    std::unique_ptr<Lookup> lookup;
    Result result;
  };
  std::unique_ptr<Pending> Begin(const std::string& host, const void* asker = nullptr,
                                 base::Duration deadline = 20s) {
    auto pending = std::make_unique<Pending>();
    pending->lookup = resolver().Resolve(
        host, deadline, [p = pending.get()](auto got) { p->result = std::move(got); }, asker);
    EXPECT_FALSE(pending->result.has_value()) << "called back within the call";
    return pending;
  }

  absl::StatusOr<std::vector<std::string>> Await(Pending& pending) {
    RunUntil(loop_, [&] { return pending.result.has_value(); });
    const auto& result = *pending.result;
    if (!result.ok()) return result.status();
    std::vector<std::string> texts;
    for (const asio::ip::address& address : *result) texts.push_back(address.to_string());
    return texts;
  }

  absl::StatusOr<std::vector<std::string>> Resolve(const std::string& host,
                                                   base::Duration deadline = 20s) {
    return Await(*Begin(host, nullptr, deadline));
  }

  const std::string folder_ = std::filesystem::path(::testing::TempDir()) /
                              ::testing::UnitTest::GetInstance()->current_test_info()->name();
  const bool made_ = std::filesystem::create_directories(folder_);
  EventLoop loop_;
  TestDnsServer dns_{loop_};
  Resolver::Options options_{
      .files = {.resolv_conf = folder_ + "/resolv.conf", .hosts = folder_ + "/hosts"},
      .servers = {}};
  std::unique_ptr<Resolver> resolver_;
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

TEST_F(ResolverTest, OneFamilyIsEnoughWhenTheOtherIsNeverAnswered) {
  dns_.Add("half.test", "10.0.0.1");
  dns_.Silence("half.test", TestDnsServer::kTypeAaaa);
  EXPECT_THAT(*Resolve("half.test"), ElementsAre("10.0.0.1"));
  dns_.Add("six.test", "2001:db8::6");
  dns_.Silence("six.test", TestDnsServer::kTypeA);
  EXPECT_THAT(*Resolve("six.test"), ElementsAre("2001:db8::6"));
  EXPECT_THAT(dns_.questions(), SizeIs(4)) << "nothing was asked twice";
}

TEST_F(ResolverTest, NamesWithFewDotsAreSearchedFor) {
  Write(options_.files.resolv_conf, "search one.test two.test\noptions ndots:2\n");
  dns_.Add("web.a.two.test", "10.0.0.2");
  dns_.Add("web.a", "10.0.0.3");
  EXPECT_THAT(*Resolve("web.a"), ElementsAre("10.0.0.2"));
  EXPECT_THAT(dns_.questions(),
              ElementsAre("web.a.one.test", "web.a.one.test", "web.a.two.test", "web.a.two.test"));
}

TEST_F(ResolverTest, NamesWithDotsAreSearchedForLast) {
  dns_.Add("web.a.search.test", "10.0.0.1");
  EXPECT_THAT(*Resolve("web.a"), ElementsAre("10.0.0.1"));
  EXPECT_EQ(dns_.questions().front(), "web.a");
}

TEST_F(ResolverTest, AFinalDotForbidsToSearch) {
  dns_.Add("web.search.test", "10.0.0.1");
  dns_.Add("web", "10.0.0.2");
  EXPECT_THAT(*Resolve("web."), ElementsAre("10.0.0.2"));
  EXPECT_THAT(*Resolve("web"), ElementsAre("10.0.0.1")) << "not the answer to the other name";
  EXPECT_THAT(*Resolve("printer."), ElementsAre("10.9.9.9"));
}

TEST_F(ResolverTest, AFaultInOneDomainDoesNotHideTheOthers) {
  Write(options_.files.resolv_conf, "search bad.test odd.test good.test\noptions ndots:5\n");
  dns_.Fail("web.bad.test", TestDnsServer::kServerFailure);
  dns_.Fail("web.odd.test", TestDnsServer::kRefused);
  dns_.Add("web.good.test", "10.0.0.1");
  EXPECT_THAT(*Resolve("web"), ElementsAre("10.0.0.1"));
  dns_.Fail("hub.bad.test", TestDnsServer::kServerFailure);
  dns_.Add("hub", "10.0.0.2");
  EXPECT_THAT(*Resolve("hub"), ElementsAre("10.0.0.2"));
}

TEST_F(ResolverTest, SilenceAboutOneDomainDoesNotHideTheOthers) {
  Write(options_.files.resolv_conf, "search gone.test\noptions ndots:5 attempts:1\n");
  dns_.Silence("web.gone.test");
  dns_.Add("web", "10.0.0.1");
  EXPECT_THAT(*Resolve("web"), ElementsAre("10.0.0.1"));
}

TEST_F(ResolverTest, APassingFaultIsNotNoSuchHost) {
  Write(options_.files.resolv_conf, "search bad.test\noptions ndots:5\n");
  dns_.Fail("web.bad.test", TestDnsServer::kServerFailure);
  EXPECT_THAT(Resolve("web"),
              StatusIs(absl::StatusCode::kUnavailable, "lookup web: server misbehaving"));
}

TEST_F(ResolverTest, ReadsTheHostsFile) {
  EXPECT_THAT(*Resolve("PRINTER.test"), ElementsAre("10.9.9.9"));
  EXPECT_THAT(*Resolve("localhost"), UnorderedElementsAre("127.0.0.1", "::1"));
  EXPECT_THAT(dns_.questions(), IsEmpty());
}

TEST_F(ResolverTest, AddressesOfTheHostsFileAreInOrder) {
  // There is no way to the first one, whatever the machine's network.
  Write(options_.files.hosts, "255.255.255.255 web\n127.0.0.2 web\n127.0.0.1 web\n");
  EXPECT_THAT(*Resolve("web"), ElementsAre("127.0.0.2", "127.0.0.1", "255.255.255.255"));
  EXPECT_THAT(*Resolve("web"), ElementsAre("127.0.0.2", "127.0.0.1", "255.255.255.255"));
}

TEST_F(ResolverTest, ChangesOfTheFilesCountAtOnce) {
  dns_.Add("printer.test", "10.0.0.1");
  dns_.Add("web.other.test", "10.0.0.2");
  EXPECT_THAT(*Resolve("printer.test"), ElementsAre("10.9.9.9"));
  EXPECT_THAT(Resolve("web"), StatusIs(absl::StatusCode::kNotFound));
  Write(options_.files.hosts, "10.8.8.8 scanner.test\n");
  Write(options_.files.resolv_conf, "search search.test other.test\n");
  EXPECT_THAT(*Resolve("printer.test"), ElementsAre("10.0.0.1"));
  EXPECT_THAT(*Resolve("scanner.test"), ElementsAre("10.8.8.8"));
  EXPECT_THAT(*Resolve("web"), ElementsAre("10.0.0.2"));
}

TEST_F(ResolverTest, NoSuchHost) {
  EXPECT_THAT(Resolve("nobody.test"),
              StatusIs(absl::StatusCode::kNotFound, "lookup nobody.test: no such host"));
  dns_.set_failure(TestDnsServer::kNoError);  // the name exists, but has no address
  EXPECT_THAT(Resolve("empty.test"),
              StatusIs(absl::StatusCode::kNotFound, "lookup empty.test: no such host"));
  const size_t asked = dns_.questions().size();
  EXPECT_THAT(Resolve("hidden.onion"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(dns_.questions().size(), asked);
}

TEST_F(ResolverTest, RefusesWhatIsNoName) {
  for (const std::string& host :
       {std::string(), std::string("."), std::string("a b"), std::string("10.0.0.1\0.test", 14),
        std::string("a\nb"), std::string(254, 'a')})
    EXPECT_THAT(Resolve(host),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no host name")));
  for (const std::string& host :
       {std::string("a..b"), std::string("a\\.b"), std::string("web.."), std::string(64, 'a')})
    EXPECT_THAT(Resolve(host), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no such host")));
  EXPECT_THAT(dns_.questions(), IsEmpty());
}

TEST_F(ResolverTest, ASilentServerMeetsTheDeadline) {
  dns_.set_silent(true);
  EXPECT_THAT(Resolve("web.test", 100ms),
              StatusIs(absl::StatusCode::kDeadlineExceeded, "lookup web.test: timed out"));
  EXPECT_EQ(resolver().waiting(), 0u);
}

TEST_F(ResolverTest, AsksAgainWhenAnAnswerIsLost) {
  dns_.Add("web.test", "10.0.0.1");
  dns_.set_silent(true);
  const auto pending = Begin("web.test");
  RunUntil(loop_, [&] { return dns_.questions().size() == 2; });
  dns_.set_silent(false);
  EXPECT_THAT(*Await(*pending), ElementsAre("10.0.0.1"));
}

TEST_F(ResolverTest, GoesOnToTheNextServerAtOnceWhenOneIsNotThere) {
  TestDnsServer closed(loop_);
  closed.Close();
  options_.servers = {closed.endpoint(), dns_.endpoint()};
  // Silence would last longer than the lookups may.
  Write(options_.files.resolv_conf, "options timeout:30\n");
  std::vector<std::unique_ptr<Pending>> lookups;
  for (int i = 0; i < 10; ++i) {
    const std::string name = "web" + std::to_string(i) + ".test";
    dns_.Add(name, "10.0.0.1");
    lookups.push_back(Begin(name));
  }
  for (const auto& lookup : lookups) EXPECT_THAT(*Await(*lookup), ElementsAre("10.0.0.1"));
}

TEST_F(ResolverTest, GoesOnToTheNextServerAtOnceWhenOneFails) {
  TestDnsServer failing(loop_);
  failing.set_failure(TestDnsServer::kServerFailure);
  options_.servers = {failing.endpoint(), dns_.endpoint()};
  Write(options_.files.resolv_conf, "options timeout:30\n");
  dns_.Add("web.test", "10.0.0.1");
  EXPECT_THAT(*Resolve("web.test"), ElementsAre("10.0.0.1"));
}

TEST_F(ResolverTest, WaitsForASlowServerWhileItAsksTheNext) {
  TestDnsServer silent(loop_);
  silent.set_silent(true);
  options_.servers = {dns_.endpoint(), silent.endpoint()};
  dns_.Add("web.test", "10.0.0.1");
  dns_.set_silent(true);
  const auto pending = Begin("web.test");
  RunUntil(loop_, [&] { return silent.questions().size() == 2; });
  // As late as the answer could be: to what is asked again.
  dns_.set_silent(false);
  EXPECT_THAT(*Await(*pending), ElementsAre("10.0.0.1"));
}

TEST_F(ResolverTest, NobodyThereIsUnavailable) {
  dns_.Close();
  EXPECT_THAT(Resolve("web.test"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("connection refused")));
}

TEST_F(ResolverTest, LongAnswersComeOverTcp) {
  for (int i = 1; i <= 100; ++i) dns_.Add("many.test", "10.0.0." + std::to_string(i));
  EXPECT_THAT(*Resolve("many.test"), SizeIs(100));
  EXPECT_EQ(dns_.streams(), 1u);
  Write(options_.files.resolv_conf, "options use-vc\n");
  dns_.Add("web.test", "10.0.0.1");
  EXPECT_THAT(*Resolve("web.test"), SizeIs(1));
  EXPECT_EQ(dns_.streams(), 3u);
}

TEST_F(ResolverTest, WhatFitsADatagramMustDoWithoutTcp) {
  for (int i = 1; i <= 100; ++i) dns_.Add("many.test", "10.0.0." + std::to_string(i));
  dns_.CloseStreams();
  EXPECT_THAT(*Resolve("many.test"), SizeIs(20));
}

TEST_F(ResolverTest, AnswersAreKeptAndTakeTurns) {
  for (const char* address : {"10.0.0.1", "10.0.0.2", "10.0.0.3"}) dns_.Add("web.test", address);
  EXPECT_THAT(*Resolve("web.test"), ElementsAre("10.0.0.1", "10.0.0.2", "10.0.0.3"));
  EXPECT_THAT(*Resolve("WEB.test"), ElementsAre("10.0.0.2", "10.0.0.3", "10.0.0.1"));
  EXPECT_THAT(dns_.questions(), SizeIs(2));
  EXPECT_EQ(resolver().counters().from_cache, 1u);
  resolver().Forget("web.test");
  EXPECT_THAT(Resolve("web.test"), IsOk());
  EXPECT_EQ(resolver().counters().asked, 2u);
}

TEST_F(ResolverTest, EqualLookupsShareOneAnswer) {
  dns_.Add("web.test", "10.0.0.1");
  std::vector<std::unique_ptr<Pending>> lookups;
  for (int i = 0; i < 10; ++i) lookups.push_back(Begin("web.test"));
  lookups.front().reset();  // who began it need not stay
  for (size_t i = 1; i < lookups.size(); ++i)
    EXPECT_THAT(*Await(*lookups[i]), ElementsAre("10.0.0.1"));
  EXPECT_THAT(dns_.questions(), SizeIs(2));
  EXPECT_EQ(resolver().counters().joined, 9u);
}

TEST_F(ResolverTest, ACanceledLookupDoesNotCallBack) {
  dns_.Add("web.test", "10.0.0.1");
  auto literal = resolver().Resolve("10.0.0.1", 20s, [](const auto&) { FAIL(); });
  auto running = resolver().Resolve("web.test", 20s, [](const auto&) { FAIL(); });
  literal.reset();
  running.reset();
  EXPECT_EQ(resolver().waiting(), 0u);
  EXPECT_THAT(*Resolve("web.test"), ElementsAre("10.0.0.1"));
}

TEST_F(ResolverTest, TheCallbackMayDestroyTheLookup) {
  std::unique_ptr<Lookup> lookup =
      resolver().Resolve("nobody.test", 20s, [&](const auto&) { lookup.reset(); });
  RunUntil(loop_, [&] { return lookup == nullptr; });
}

TEST_F(ResolverTest, NamesWithoutAnAnswerHoldUpNobody) {
  dns_.Add("fast.test", "10.0.0.1");
  std::vector<std::unique_ptr<Pending>> dead;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "dead" + std::to_string(i) + ".test";
    dns_.Silence(name);
    dead.push_back(Begin(name));
    RunReady(loop_);  // no more datagrams wait at the server than fit
  }
  EXPECT_THAT(*Resolve("fast.test"), ElementsAre("10.0.0.1"));
  EXPECT_EQ(resolver().waiting(), 1000u);
  EXPECT_LE(dns_.ports().size(), 2 * 1000 / 64 + 4);
}

TEST_F(ResolverTest, BeyondItsShareTheLongestWaitIsGivenUp) {
  options_.max_lookups = 4;
  dns_.set_silent(true);
  const int greedy = 0, modest = 0;
  const auto first = Begin("a.test", &greedy), second = Begin("b.test", &greedy);
  const auto other = Begin("c.test", &modest);
  const auto third = Begin("d.test", &greedy);
  EXPECT_THAT(Await(*first), StatusIs(absl::StatusCode::kResourceExhausted,
                                      "lookup a.test: too many lookups wait for an answer"));
  EXPECT_EQ(resolver().waiting(), 3u);
  EXPECT_EQ(resolver().counters().beyond_share, 1u);
  dns_.set_silent(false);
  dns_.Add("e.test", "10.0.0.1");
  EXPECT_THAT(*Await(*Begin("e.test", &greedy)), ElementsAre("10.0.0.1"));
}

TEST_F(ResolverTest, BeyondTheTotalWhoHasMostGivesUp) {
  options_.max_lookups = 5;
  dns_.set_silent(true);
  const int one = 0, two = 0, three = 0, four = 0;
  const auto a = Begin("a.test", &one), b = Begin("b.test", &two), c = Begin("c.test", &two);
  const auto d = Begin("d.test", &three), e = Begin("e.test", &four);
  const auto f = Begin("f.test", &one);
  EXPECT_THAT(Await(*b), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(resolver().waiting(), 5u);
  EXPECT_EQ(resolver().counters().beyond_total, 1u);
}

TEST_F(ResolverTest, WithoutDescriptorsItIsOverloaded) {
  dns_.Add("web.test", "10.0.0.1");
  ASSERT_THAT(*Resolve("printer.test"), ElementsAre("10.9.9.9")) << "the files are read";
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit none = limit;
  none.rlim_cur = 3;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto result = Resolve("web.test");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("lookup web.test")));
  EXPECT_EQ(resolver().counters().out_of_descriptors, 1u);
  EXPECT_THAT(*Resolve("web.test"), ElementsAre("10.0.0.1"));
}

}  // namespace
}  // namespace hawser::net
