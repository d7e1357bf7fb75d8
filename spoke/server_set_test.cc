// Links to servers that are behind names, over the real thing.
#include "spoke/server_set.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "lib/kube/client.h"
#include "lib/kube/fake_api_server.h"
#include "lib/kube/lease.h"
#include "lib/net/listener.h"
#include "lib/net/resolver.h"
#include "lib/net/socket_address.h"
#include "lib/net/test_dns_server.h"
#include "lib/testing/loopback.h"
#include "lib/testing/manual_scheduler.h"
#include "lib/testing/test_certificates.h"
#include "lib/tunnel/memory.h"
#include "spoke/client_shares.h"
#include "spoke/fake_hub.h"
#include "spoke/lease_watch.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::RunReady;
using ::hawser::testing::RunUntil;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class FixedCounter final : public ServerCounter {
 public:
  size_t Count() override { return count; }
  size_t count = 1;
};

class ServerSetTest : public ::testing::Test {
 protected:
  static constexpr size_t kLookupsOfOne = 4;

  ServerSetTest() {
    first_.Listen();
    dns_.Add("hub.test", "127.0.0.1");
  }

  // A server at another address, on the same port.
  std::unique_ptr<FakeHub> Another(const std::string& id, const std::string& address, int count) {
    auto hub = std::make_unique<FakeHub>(loop_, files_, FakeHub::Options{.id = id, .count = count});
    hub->ListenAt(address, first_.port());
    return hub;
  }

  // With delays of a millisecond at most.
  void Start(ServerSet::Options options, ServerCounter* leases = nullptr) {
    if (options.addresses.empty()) options.addresses = {{"hub.test", first_.port()}};
    options.backoff = {.first = milliseconds(1), .cap = milliseconds(1)};
    options.count_interval = milliseconds(1);
    StartAt(loop_, std::move(options), leases);
  }
  void StartAt(base::Scheduler& scheduler, ServerSet::Options options,
               ServerCounter* leases = nullptr) {
    options.random = [] { return 0.5; };
    servers_ = std::make_unique<ServerSet>(scheduler, std::move(options), counters_, leases,
                                           [this](const auto& address, auto admit, auto& owner) {
                                             ++attempts_;
                                             return std::make_unique<ServerLink>(
                                                 loop_, ServerLink::Resolvers{resolver_, resolver_},
                                                 link_options_, counters_, tls_, address,
                                                 std::move(admit), owner);
                                           });
    servers_->Start();
  }
  void AwaitLinked(size_t count) {
    RunUntil(loop_, [&] { return servers_->linked() == count; });
  }
  // Lets `duration` pass on the clock of the links, whose attempts take none of it. Returns how
  // many of them were made.
  int Pass(testing::ManualScheduler& scheduler, base::Duration duration) {
    const auto waits = [](const auto& server) {
      return server->link() != nullptr ||
             server->reconnector->state() == tunnel::Reconnector::State::kWaiting;
    };
    const int before = attempts_;
    for (const base::Time end = scheduler.Now() + duration; scheduler.Now() < end;) {
      scheduler.Advance(milliseconds(500));
      RunUntil(loop_, [&] { return std::ranges::all_of(servers_->servers(), waits); });
    }
    return attempts_ - before;
  }

  testing::TestCertificates certificates_;
  const net::TlsFiles files_ = certificates_.HubAgentPortNamed("hub.test");
  net::EventLoop loop_;
  net::TestDnsServer dns_{loop_};
  net::Resolver resolver_{
      loop_, {.files = {}, .servers = {dns_.endpoint()}, .max_lookups = 2 * kLookupsOfOne}};
  std::shared_ptr<net::TlsContext> tls_ =
      *net::TlsContext::Client({.files = certificates_.Agent("paris")});
  ClientShares clients_{std::make_shared<tunnel::MemoryBudget>(1 << 20), 1000};
  LinkOptions link_options_{.agent_id = "agent-1",
                            .identifiers = "host=paris",
                            .keepalive = seconds(15),
                            .timeout = seconds(5),
                            .drain_timeout = hours(1),
                            .token_path = "",
                            .proxies = {},
                            .proxy_tls = nullptr,
                            .session = {},
                            .clients = clients_,
                            .targets = {TargetNames(TargetNames::Options{}), {}, seconds(5)}};
  Counters counters_;
  FakeHub first_{loop_, files_, {.id = "hub-1", .count = 3}};
  int attempts_ = 0;
  std::unique_ptr<ServerSet> servers_;
};

TEST_F(ServerSetTest, TriesEveryAddressOfAName) {
  // One that closes at once, one that speaks no TLS, one where nobody listens.
  dns_.Add("hub.test", "127.0.0.2");
  dns_.Add("hub.test", "127.0.0.3");
  dns_.Add("hub.test", "127.0.0.4");
  const auto closing = *net::Listener::Tcp(loop_, *net::BindEndpoint("127.0.0.2", first_.port()));
  closing->Start([](int fd) { ::close(fd); });
  const auto other = *net::Listener::Tcp(loop_, *net::BindEndpoint("127.0.0.3", first_.port()));
  other->Start([](int fd) {
    EXPECT_EQ(::write(fd, "SSH-2.0\r\n", 9), 9);
    ::close(fd);
  });
  Start({});
  AwaitLinked(1);
  EXPECT_EQ(counters_.failed_attempts, 0u);
}

TEST_F(ServerSetTest, AnAddressThatStallsDoesNotHideTheOthers) {
  link_options_.timeout = milliseconds(500);
  dns_.Add("hub.test", "127.0.0.2");
  const auto silent = *net::Listener::Tcp(loop_, *net::BindEndpoint("127.0.0.2", first_.port()));
  std::vector<int> taken;
  silent->Start([&](int fd) { taken.push_back(fd); });
  Start({});
  AwaitLinked(1);
  for (const int fd : taken) ::close(fd);
}

TEST_F(ServerSetTest, LinksEachServerBehindAName) {
  dns_.Add("hub.test", "127.0.0.2");
  dns_.Add("hub.test", "127.0.0.3");
  auto second = Another("hub-2", "127.0.0.2", 3);
  auto third = Another("hub-3", "127.0.0.3", 3);
  Start({});
  AwaitLinked(3);
  EXPECT_EQ(first_.sessions().size(), 1u);
  EXPECT_EQ(second->sessions().size(), 1u);
  EXPECT_EQ(third->sessions().size(), 1u);
  EXPECT_EQ(servers_->wanted(), 3u);

  third->Stop();
  AwaitLinked(2);
  third = Another("hub-4", "127.0.0.3", 3);
  AwaitLinked(3);
  EXPECT_EQ(third->sessions().size(), 1u);
}

TEST_F(ServerSetTest, LookupsOfAClientCountTogetherOnAllLinks) {
  dns_.Add("hub.test", "127.0.0.2");
  const auto second = Another("hub-2", "127.0.0.2", 3);
  Start({});
  AwaitLinked(2);
  dns_.set_silent(true);
  const auto dial = [](FakeHub& hub, const std::string& name, const std::string& client) {
    return hub.Dial(*hub.sessions().front(), name + ".test:80", client);
  };
  std::vector<std::shared_ptr<FakeHub::Dialled>> ann;
  for (size_t i = 0; i < kLookupsOfOne; ++i)
    ann.push_back(dial(i % 2 == 0 ? first_ : *second, "a" + std::to_string(i), "ann"));
  const auto bob = dial(first_, "b", "bob");
  RunUntil(loop_, [&] { return resolver_.waiting() == kLookupsOfOne + 1; });
  EXPECT_EQ(resolver_.counters().beyond_share, 0u);
  const auto next = dial(*second, "c", "ann");
  RunUntil(loop_, [&] {
    return std::any_of(ann.begin(), ann.end(), [](const auto& dialled) { return dialled->done; });
  });
  EXPECT_EQ(resolver_.counters().beyond_share, 1u);
  EXPECT_FALSE(bob->done || next->done);
}

TEST_F(ServerSetTest, AServerThatHasMovedIsFoundAtOnce) {
  dns_.Remove("hub.test");
  dns_.Add("hub.test", "127.0.0.9");  // where nobody listens, for a minute
  Start({});
  RunUntil(loop_, [&] { return counters_.failed_attempts > 0; });
  dns_.Remove("hub.test");
  dns_.Add("hub.test", "127.0.0.1");
  AwaitLinked(1);
}

TEST_F(ServerSetTest, LooksBehindTheOtherAddressesWhenOneIsDead) {
  dns_.Add("hub.test", "127.0.0.2");
  const auto second = Another("hub-2", "127.0.0.2", 2);
  Start({.addresses = {{"127.0.0.9", first_.port()}, {"hub.test", first_.port()}}});
  AwaitLinked(2);
  EXPECT_EQ(second->sessions().size(), 1u);
}

TEST_F(ServerSetTest, OneDeadAddressIsTriedByOneLink) {
  first_.Stop();
  Start({});
  RunUntil(loop_, [&] { return counters_.failed_attempts >= 5; });
  EXPECT_EQ(servers_->servers().size(), 1u);
}

// What is lost may be the very one that another link has long been looking for.
TEST_F(ServerSetTest, ALossMakesThoseWhoLookForAServerLookAtOnce) {
  dns_.Add("hub.test", "127.0.0.2");
  dns_.Add("hub.test", "127.0.0.3");
  auto second = Another("hub-2", "127.0.0.2", 3);
  testing::ManualScheduler scheduler;
  StartAt(scheduler, {.addresses = {{"hub.test", first_.port()}}, .backoff = {.cap = hours(1)}});
  AwaitLinked(1);
  Pass(scheduler, minutes(2));  // beyond which the third is looked for once in an hour
  ASSERT_EQ(servers_->linked(), 2u);
  second->Stop();
  AwaitLinked(1);
  second = Another("hub-2", "127.0.0.2", 3);
  const auto third = Another("hub-3", "127.0.0.3", 3);
  Pass(scheduler, seconds(5));
  EXPECT_EQ(servers_->linked(), 3u);
  servers_.reset();  // before its scheduler
}

TEST_F(ServerSetTest, LooksOnceMoreForAServerWhenALinkToAnotherLasts) {
  testing::ManualScheduler scheduler;
  StartAt(scheduler, {.addresses = {{"hub.test", first_.port()}}, .backoff = {.cap = minutes(1)}});
  AwaitLinked(1);
  Pass(scheduler, minutes(2));
  ASSERT_LE(Pass(scheduler, seconds(20)), 2) << "the search for two more is over";
  dns_.Add("hub.test", "127.0.0.2");
  const auto second = Another("hub-2", "127.0.0.2", 3);
  bool searches = false;
  for (int i = 0; i < 20 && !searches; ++i) searches = Pass(scheduler, seconds(20)) >= 10;
  EXPECT_TRUE(searches);
  EXPECT_EQ(servers_->linked(), 2u);
  servers_.reset();  // before its scheduler
}

TEST_F(ServerSetTest, GoesByLeases) {
  dns_.Add("hub.test", "127.0.0.2");
  const auto second = Another("hub-2", "127.0.0.2", 3);
  FixedCounter leases;
  Start({}, &leases);
  AwaitLinked(1);
  RunUntil(loop_, [&] { return servers_->wanted() == 1; });  // not the 3 that servers say
  leases.count = 2;
  AwaitLinked(2);
  RunUntil(loop_, [&] { return servers_->wanted() == 2; });
  leases.count = 1;
  RunUntil(loop_, [&] { return servers_->wanted() == 1; });
  EXPECT_EQ(servers_->linked(), 2u);  // what works stays
  leases.count = 1'000'000;
  RunUntil(loop_, [&] { return servers_->wanted() == 64; });
}

TEST_F(ServerSetTest, FindsServersThatPublishTheirLeases) {
  dns_.Add("hub.test", "127.0.0.2");
  const auto second = Another("hub-2", "127.0.0.2", 1);
  kube::FakeApiServer api;
  kube::Client client(api.config());
  const auto publish = [&](const std::string& id) {
    const kube::Lease lease{.name = {"kube-system", id},
                            .duration = std::chrono::hours(24),
                            .renewed = std::chrono::system_clock::now()};
    ASSERT_TRUE(client.Create(kube::kLeases, kube::LeaseObject(lease)).ok());
  };
  publish("hub");
  LeaseWatch leases(api.config(), {"kube-system", {}}, &std::chrono::system_clock::now);
  Start({}, &leases);
  AwaitLinked(1);
  api.AwaitWatches(1);
  publish("hub-2");
  AwaitLinked(2);
  EXPECT_EQ(first_.sessions().size(), 1u);
  EXPECT_EQ(second->sessions().size(), 1u);
}

TEST_F(ServerSetTest, GoesByTheLargerNumber) {
  FixedCounter leases;
  Start({.larger_count = true}, &leases);
  AwaitLinked(1);
  RunUntil(loop_, [&] { return servers_->wanted() == 3; });
  leases.count = 4;
  RunUntil(loop_, [&] { return servers_->wanted() == 4; });
}

TEST_F(ServerSetTest, SyncForeverFindsServersThatNobodySpokeOf) {
  first_.Stop();
  const uint16_t port = first_.port();
  FakeHub alone(loop_, files_, {.id = "alone", .count = 1});
  alone.ListenAt("127.0.0.1", port);
  Start({.sync_forever = true});
  AwaitLinked(1);
  dns_.Add("hub.test", "127.0.0.2");
  FakeHub added(loop_, files_, {.id = "added", .count = 1});
  added.ListenAt("127.0.0.2", port);
  AwaitLinked(2);
  EXPECT_EQ(servers_->wanted(), 1u);
  EXPECT_EQ(counters_.failed_attempts, 0u);  // a second link to a server is no failure
}

TEST_F(ServerSetTest, LeavesAServerThatIsStopping) {
  FakeHub alone(loop_, files_, {.id = "alone"});
  first_.Stop();
  alone.ListenAt("127.0.0.1", first_.port());
  Start({});
  AwaitLinked(1);
  // There is no other one: the link stays, and attempts are made with back-off.
  loop_.RunTurn([&] { alone.sessions().front()->SendDrain(); });
  RunUntil(loop_, [&] { return counters_.failed_attempts >= 2; });
  EXPECT_EQ(servers_->linked(), 1u);
  dns_.Add("hub.test", "127.0.0.2");
  const auto second = Another("hub-2", "127.0.0.2", 1);
  RunUntil(loop_, [&] { return alone.sessions().empty(); });
  EXPECT_EQ(second->sessions().size(), 1u);
  EXPECT_EQ(servers_->linked(), 1u);
}

TEST_F(ServerSetTest, DrainEndsTheSearch) {
  Start({});
  AwaitLinked(1);
  bool drained = false;
  servers_->Drain([&] { drained = true; });
  RunUntil(loop_, [&] { return drained; });
  EXPECT_EQ(servers_->linked(), 0u);
  const size_t before = first_.handshakes();
  RunReady(loop_);
  EXPECT_EQ(first_.handshakes(), before);
}

}  // namespace
}  // namespace hawser::spoke
