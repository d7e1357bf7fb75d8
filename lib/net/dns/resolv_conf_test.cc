#include "lib/net/dns/resolv_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace hawser::net::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

std::vector<std::string> Servers(const ResolvConf& conf) {
  std::vector<std::string> texts;
  for (const auto& server : conf.servers) {
    std::ostringstream text;
    text << server;
    texts.push_back(text.str());
  }
  return texts;
}

TEST(ResolvConf, AsInAPod) {
  const auto conf = ParseResolvConf(
      "search default.svc.cluster.local svc.cluster.local cluster.local\n"
      "nameserver 10.96.0.10\n"
      "options ndots:5\n",
      "example.org");
  EXPECT_THAT(Servers(conf), ElementsAre("10.96.0.10:53"));
  EXPECT_THAT(conf.search,
              ElementsAre("default.svc.cluster.local", "svc.cluster.local", "cluster.local"));
  EXPECT_EQ(conf.ndots, 5);
  EXPECT_EQ(conf.timeout, 1s);
  EXPECT_EQ(conf.attempts, 2);
  EXPECT_TRUE(conf.ipv6);
}

TEST(ResolvConf, WithoutAnything) {
  const auto conf = ParseResolvConf("", "");
  EXPECT_THAT(Servers(conf), ElementsAre("127.0.0.1:53"));
  EXPECT_THAT(conf.search, IsEmpty());
  EXPECT_THAT(ParseResolvConf("", "example.org").search, ElementsAre("example.org"));
}

TEST(ResolvConf, EverythingThatIsUnderstood) {
  const auto conf = ParseResolvConf(
      "# a comment\n; another one\n\n"
      "domain ignored.test\n"
      "nameserver\t192.0.2.1 # the first\r\n"
      "nameserver 2001:db8::1\n"
      "nameserver nonsense\n"
      "nameserver fe80::1%1\n"
      "nameserver 192.0.2.4\n"
      "search one.test. . two.test bad..name\n"
      "options timeout:3 attempts:4 rotate no-aaaa use-vc debug\n"
      "sortlist 10.0.0.0/8\n",
      "");
  EXPECT_THAT(Servers(conf), ElementsAre("192.0.2.1:53", "[2001:db8::1]:53", ::testing::_));
  EXPECT_THAT(conf.search, ElementsAre("one.test", "two.test"));
  EXPECT_EQ(conf.timeout, 3s);
  EXPECT_EQ(conf.attempts, 4);
  EXPECT_TRUE(conf.rotate);
  EXPECT_FALSE(conf.ipv6);
  EXPECT_TRUE(conf.tcp);
}

TEST(ResolvConf, NumbersHaveBounds) {
  auto conf = ParseResolvConf("options ndots:99 timeout:99 attempts:99\n", "");
  EXPECT_EQ(conf.ndots, 15);
  EXPECT_EQ(conf.timeout, 30s);
  EXPECT_EQ(conf.attempts, 5);
  conf = ParseResolvConf("options ndots:-1 timeout:0 attempts:0\n", "");
  EXPECT_EQ(conf.ndots, 0);
  EXPECT_EQ(conf.timeout, 1s);
  EXPECT_EQ(conf.attempts, 1);
  conf = ParseResolvConf("options ndots: timeout:soon attempts:99999999999\n", "");
  EXPECT_EQ(conf.ndots, 1);
  EXPECT_EQ(conf.attempts, 2);
}

TEST(Candidates, ByTheNumberOfDots) {
  ResolvConf conf = ParseResolvConf("search a.test b.test\noptions ndots:2\n", "");
  EXPECT_THAT(Candidates(conf, "web"), ElementsAre("web.a.test", "web.b.test", "web"));
  EXPECT_THAT(Candidates(conf, "web.x"), ElementsAre("web.x.a.test", "web.x.b.test", "web.x"));
  EXPECT_THAT(Candidates(conf, "web.x.y"),
              ElementsAre("web.x.y", "web.x.y.a.test", "web.x.y.b.test"));
  conf.ndots = 0;
  EXPECT_THAT(Candidates(conf, "web"), ElementsAre("web", "web.a.test", "web.b.test"));
}

TEST(Candidates, NoneIsTooLong) {
  const auto conf = ParseResolvConf("search a.test\n", "");
  std::string name(250, 'a');
  for (size_t i = 50; i < name.size(); i += 50) name[i] = '.';
  EXPECT_THAT(Candidates(conf, name), SizeIs(1));
}

}  // namespace
}  // namespace hawser::net::dns
