#include "lib/net/dns/hosts_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hawser::net::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Find(const HostsFile& file, const std::string& host) {
  std::vector<std::string> texts;
  for (const auto& address : file.Find(host)) texts.push_back(address.to_string());
  return texts;
}

TEST(HostsFile, FindsAllAddressesOfAName) {
  const HostsFile file(
      "# made by hand\n"
      "10.0.0.1\tWeb.test web  # two names\r\n"
      "10.0.0.2 web.test\n"
      "10.0.0.1 web.test\n"
      "2001:db8::1 web.test.\n"
      "nonsense other.test\n"
      "10.0.0.3\n"
      "10.0.0.4 b\\ad good\n");
  EXPECT_THAT(Find(file, "web.test"), ElementsAre("10.0.0.1", "10.0.0.2", "2001:db8::1"));
  EXPECT_THAT(Find(file, "web"), ElementsAre("10.0.0.1"));
  EXPECT_THAT(Find(file, "good"), ElementsAre("10.0.0.4"));
  EXPECT_THAT(Find(file, "other.test"), IsEmpty());
  EXPECT_THAT(Find(file, "two"), IsEmpty());
}

TEST(HostsFile, LocalhostIsThisMachine) {
  EXPECT_THAT(Find(HostsFile(""), "localhost"), ElementsAre("127.0.0.1", "::1"));
  EXPECT_THAT(Find(HostsFile(""), "db.localhost"), ElementsAre("127.0.0.1", "::1"));
  EXPECT_THAT(Find(HostsFile("127.0.0.1 localhost\n"), "localhost"), ElementsAre("127.0.0.1"));
  EXPECT_THAT(Find(HostsFile(""), "notlocalhost"), IsEmpty());
}

}  // namespace
}  // namespace hawser::net::dns
