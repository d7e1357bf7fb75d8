#include "lib/net/proxy_settings.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "lib/testing/status_matchers.h"

namespace hawser::net {
namespace {

using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ParseProxyUrl, TakesHttpAndHttps) {
  const auto check = [](const std::string& url, bool tls, const base::HostPort& address) {
    const auto proxy = ParseProxyUrl(url);
    ASSERT_TRUE(proxy.ok()) << url << ": " << proxy.status();
    EXPECT_EQ(proxy->tls, tls) << url;
    EXPECT_EQ(proxy->address, address) << url;
    EXPECT_EQ(proxy->authorization, "") << url;
  };
  check("http://10.0.0.1:3128", false, {"10.0.0.1", 3128});
  check("HTTP://proxy.example", false, {"proxy.example", 80});
  check("https://proxy.example/", true, {"proxy.example", 443});
  check("https://[fd00::1]:8443/path?query", true, {"fd00::1", 8443});
  check("http://[fd00::1]", false, {"fd00::1", 80});
  check("proxy.example:3128", false, {"proxy.example", 3128});
  check("proxy.example", false, {"proxy.example", 80});
}

TEST(ParseProxyUrl, EncodesCredentials) {
  const auto authorization = [](const std::string& url) {
    const auto proxy = ParseProxyUrl(url);
    return proxy.ok() ? proxy->authorization : proxy.status().ToString();
  };
  EXPECT_EQ(authorization("http://alice:s3cret@p:1"), "Basic YWxpY2U6czNjcmV0");
  EXPECT_EQ(authorization("http://alice@p:1"), "Basic YWxpY2U6");
  // "a@b" with "c:d/e"
  EXPECT_EQ(authorization("https://a%40b:c%3Ad%2Fe@p"), "Basic YUBiOmM6ZC9l");
  EXPECT_EQ(authorization("alice:s3@cret@p:1"), "Basic YWxpY2U6czNAY3JldA==");
}

TEST(ParseProxyUrl, ErrorsDoNotShowSecrets) {
  for (const char* url :
       {"socks5://u:s3cret@p:1", "http://", "http://u:s3cret@", "http://p:0",
        "http://u:s3cret%4@p:1", "http://u:s3cret@p:http", "http://u%3As:s3cret@p",
        "http://u:s3cret@[fd00::1", "http://u:s3cret@a b:1", "://p"})
    EXPECT_THAT(
        ParseProxyUrl(url).status(),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 ::testing::AllOf(HasSubstr("not a proxy's url"), Not(HasSubstr("s3cret")))))
        << url;
}

TEST(NoProxyList, MatchesAsGoDoes) {
  const auto matches = [](const std::string& list, const std::string& host, uint16_t port = 8091) {
    return NoProxyList(list).Contains({host, port});
  };
  EXPECT_FALSE(matches("", "hub.example"));
  EXPECT_TRUE(matches("*", "hub.example"));
  EXPECT_TRUE(matches(" a , * ", "10.0.0.1"));

  EXPECT_TRUE(matches("hub.example", "hub.example"));
  EXPECT_TRUE(matches("HUB.example.", "Hub.Example"));
  EXPECT_TRUE(matches("example", "hub.example."));
  EXPECT_FALSE(matches("example", "hubexample"));
  EXPECT_FALSE(matches("hub.example", "example"));
  for (const char* below : {".example", "*.example"}) {
    EXPECT_TRUE(matches(below, "hub.example")) << below;
    EXPECT_TRUE(matches(below, "a.hub.example")) << below;
    EXPECT_FALSE(matches(below, "example")) << below;
  }

  EXPECT_TRUE(matches("hub.example:8091", "hub.example"));
  EXPECT_FALSE(matches("hub.example:443", "hub.example"));
  EXPECT_TRUE(matches("10.0.0.1:8091", "10.0.0.1"));
  EXPECT_FALSE(matches("10.0.0.1:443", "10.0.0.1"));
  EXPECT_TRUE(matches("[fd00::1]:8091", "fd00::1"));

  EXPECT_TRUE(matches("10.0.0.0/8", "10.1.2.3"));
  EXPECT_FALSE(matches("10.0.0.0/8", "11.1.2.3"));
  EXPECT_FALSE(matches("10.0.0.0/8", "hub.example"));
  EXPECT_TRUE(matches("fd00::/8", "fd00::1"));
  EXPECT_TRUE(matches("fd00::1", "fd00:0::1"));
  EXPECT_TRUE(matches("[fd00::1]", "fd00::1"));
  EXPECT_TRUE(matches("10.0.0.1", "::ffff:10.0.0.1"));
  // A name that looks like the end of an address is none.
  EXPECT_FALSE(matches("0.0.1", "10.0.0.1"));

  for (const char* nonsense :
       {",,", "10.0.0.0/33", "hub.example:", "hub.example:0", ".", "/", ":1"})
    EXPECT_FALSE(matches(nonsense, "hub.example")) << nonsense;
}

TEST(NoProxyList, ThisMachineNeedsNoProxy) {
  for (const char* host : {"localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1"})
    EXPECT_TRUE(NoProxyList("").Contains({host, 1})) << host;
  EXPECT_FALSE(NoProxyList("").Contains({"localhost.example", 1}));
}

TEST(ProxySettings, TheFlagGoesBeforeTheEnvironment) {
  const auto settings = ProxySettings::Make("http://flag:1", {"http://environment:2", "direct"});
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->For({"hub.example", 1})->address.host, "flag");
  EXPECT_EQ(settings->For({"direct", 1}), nullptr);
  EXPECT_EQ(ProxySettings::Make("", {"http://environment:2", ""})->For({"hub", 1})->address.host,
            "environment");
  EXPECT_EQ(ProxySettings::Make("", {})->For({"hub", 1}), nullptr);
  EXPECT_FALSE(ProxySettings::Make("", {"ftp://environment", ""}).ok());
}

TEST(ProxySettings, ReadsBothSpellingsOfTheEnvironment) {
  ::setenv("https_proxy", "lower:1", 1);
  ::setenv("no_proxy", "lower", 1);
  ::unsetenv("HTTPS_PROXY");
  ::setenv("NO_PROXY", "", 1);
  EXPECT_EQ(ProxySettings::FromEnvironment().https_proxy, "lower:1");
  EXPECT_EQ(ProxySettings::FromEnvironment().no_proxy, "lower");
  ::setenv("HTTPS_PROXY", "upper:1", 1);
  ::setenv("NO_PROXY", "upper", 1);
  EXPECT_EQ(ProxySettings::FromEnvironment().https_proxy, "upper:1");
  EXPECT_EQ(ProxySettings::FromEnvironment().no_proxy, "upper");
}

}  // namespace
}  // namespace hawser::net
