#include "hub/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/testing/document_table.h"

namespace hawser::hub {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ParseConfig, ReadsEverything) {
  const auto config = ParseConfig(R"(
limits:
  max-pending-dials: 2000
  handshake-timeout: 5s
host-suffixes: [Agents-NS]
grants:
  paris: ipv4=10.0.0.7&default-route=true
deny:
  - cluster: rome
  - serial: 0x00:4A:1f
  - client: ann
)",
                                  "hub.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->limits.size(), 2);
  EXPECT_EQ(config->limits.at("handshake-timeout").text, "5s");
  EXPECT_EQ(config->limits.at("handshake-timeout").place, "read hub.yaml: line 4");
  EXPECT_EQ(config->limits.at("max-pending-dials").text, "2000");
  EXPECT_THAT(config->host_suffixes, ElementsAre(tunnel::Domain::Parse("agents-ns")));
  EXPECT_THAT(config->grants.at("paris").ipv4, ElementsAre("10.0.0.7"));
  EXPECT_TRUE(config->grants.at("paris").default_route);
  EXPECT_EQ(config->denied.WhyDenied({.cluster = "rome"}), "cluster rome");
  EXPECT_EQ(config->denied.WhyDenied({.serial = "4a1f"}), "serial 4a1f");
  EXPECT_EQ(config->denied.WhyDenied({.serial = "4a1e", .cluster = "paris"}), "");
}

TEST(ParseConfig, EmptyIsFine) { EXPECT_TRUE(ParseConfig("# nothing\n", "hub.yaml").ok()); }

TEST(ParseConfig, NamesTheLineOfWhatIsWrong) {
  const std::pair<const char*, const char*> kCases[] = {
      {"limits: {}\ncolour: blue\n", "hub.yaml: line 2: unknown key colour"},
      {"grants:\n  paris: hots=lyon\n", "unknown kind \"hots\""},
      {"limits: []\n", "line 1: limits must be a map"},
      {"limits:\n  max-pending-dials: [1]\n", "line 2: a limit must be one value"},
      {"host-suffixes: ns\n", "must be a list"},
      {"host-suffixes: ['a b']\n", "must be a host name"},
      {"host-suffixes: ['']\n", "must be a host name"},
      {"grants:\n  Paris: host=a\n", "line 2: not a cluster name: Paris"},
      {"grants:\n  paris: ipv4=x\n", "line 2: agent identifier ipv4"},
      {"grants:\n  paris: [a]\n", "line 2"},
      {"deny: paris\n", "deny must be a list"},
      {"deny:\n  - paris\n", "line 2: an entry of deny must be a map with one key"},
      {"deny:\n  - {cluster: a, client: b}\n", "must be a map with one key"},
      {"deny:\n  - cluster: a\n  - user: b\n", "line 3: deny: unknown key"},
      {"deny:\n  - fingerprint: 00ff\n", "line 2: deny: not a SHA-256"},
      {"deny:\n  - serial: [1]\n", "line 2"},
      {"deny:\n  - cluster:\n", "line 2: cluster has no value"},
      {"deny:\n  - client:\n  - cluster: a\n", "line 2: client has no value"},
      {"deny:\n  - ~: a\n", "line 2: a key without a name"},
      {"limits:\n  max-pending-dials:\n", "line 2: max-pending-dials has no value"},
      {"host-suffixes:\n  -\n", "line 2: host-suffixes has an entry without a value"},
      {"grants:\n  paris:\n", "line 2: paris has no value"},
      {"grants:\n", "line 1: grants has no value"},
      {"grants: {}\n---\nlimits: {}\n", "line 3: one document is wanted"},
      {"- a\n", "the file must be a map"},
      {"grants: {}\nlimits:\n  a: 1\n  a: 2\n", "line 4: a second a"},
      {"limits: {\n", "line 2"},
  };
  for (const auto& [text, error] : kCases) {
    const auto config = ParseConfig(text, "hub.yaml");
    ASSERT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(error)) << text;
  }
}

TEST(ParseConfig, IsDocumented) {
  std::vector<std::string> documented;
  for (const auto& row : testing::ReadTable("docs/configuration.md", "## proxy-server"))
    documented.push_back(row.front());
  EXPECT_THAT(documented, ::testing::UnorderedElementsAreArray(ConfigKeys()));
}

TEST(LoadConfigFile, NamesAMissingFile) {
  const auto config = LoadConfigFile("/nonexistent/hub.yaml");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("/nonexistent/hub.yaml"));
}

}  // namespace
}  // namespace hawser::hub
