#include "spoke/config_file.h"

#include <gtest/gtest.h>

#include "lib/testing/document_table.h"
#include "lib/testing/status_matchers.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kExample[] = R"(
allow:
  - hosts: ["*.default.svc"]
    cidrs: [10.96.0.0/12]
    ports: [80, 8000-8100]
  - ports: [443]
resolve:
  web.default.svc: 10.96.0.10
  db: 10.0.0.5:5432
)";

TEST(ConfigFile, ReadsRulesAndNames) {
  const auto config = ParseConfig(kExample, "example.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->resolve.Find({"db", 80}), (base::HostPort{"10.0.0.5", 5432}));
  EXPECT_EQ(config->resolve.Find({"web.default.svc", 80}), (base::HostPort{"10.96.0.10", 80}));
  const auto address = asio::ip::make_address("10.96.0.10");
  EXPECT_TRUE(config->allow_list.Allows("web.default.svc", address, 8080));
  EXPECT_FALSE(config->allow_list.Allows("web.default.svc", address, 22));
  EXPECT_TRUE(config->allow_list.Allows("anything", address, 443));
}

TEST(ConfigFile, EmptyMeansDefaults) {
  const auto config = ParseConfig("", "empty.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->allow_list.Allows("a", asio::ip::make_address("127.0.0.1"), 22));
}

TEST(ConfigFile, AnEmptyListAllowsNothing) {
  const auto config = ParseConfig("allow: []", "closed.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->allow_list.Allows("a", asio::ip::make_address("127.0.0.1"), 22));
}

TEST(ConfigFile, ErrorsNameFileAndLine) {
  const auto invalid = [](const std::string& text, const std::string& line,
                          const std::string& what) {
    EXPECT_THAT(ParseConfig(text, "bad.yaml").status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("bad.yaml"), HasSubstr(line), HasSubstr(what))))
        << text;
  };
  invalid("alow: []", "line 1", "unknown key alow");
  invalid("\nallow: 1", "line 2", "must be a list");
  invalid("allow:\n  - host: [a]", "line 2", "unknown key host");
  invalid("allow:\n  - hosts: a", "line 2", "must be a list");
  invalid("allow:\n  - hosts: []", "line 2", "must not be empty");
  invalid("allow:\n  - ports: [80]\n  - cidrs: [10.0.0.0/99]", "line 3", "10.0.0.0/99");
  invalid("allow:\n  - 80", "line 2", "must be a map");
  invalid("resolve: [a]", "line 1", "must be a map");
  invalid("resolve:\n  a: 1.2.3.4\n  b: ' '", "line 3", "resolve \"b\"");
  invalid("resolve:\n  a: 1.2.3.4\n  b:\n", "line 3", "b has no value");
  invalid("resolve:\n  a: 1.2.3.4\n  b: ''\n", "line 3", "resolve \"b\"");
  invalid("resolve:\n  b: 10.0.0.300\n", "line 2",
          "resolve \"b\": \"10.0.0.300\" is neither an address nor a name");
  invalid("allow:\n  - hosts: [10.0.0.300]", "line 2",
          "host \"10.0.0.300\": neither an address, a name nor \"*.name\"");
  invalid("allow:\n  - hosts: *.svc", "line 2", "write texts that begin with * in quotes");
  invalid("allow:\n  - ports:\n", "line 2", "ports has no value");
  invalid("allow:\n  - cidrs:\n    -\n", "line 3", "cidrs has an entry without a value");
  invalid("allow:\n", "line 1", "allow has no value");
  invalid("allow: []\n---\nallow: [", "line", "");
  invalid("allow: []\nallow: []", "line 2", "a second allow");
  invalid("[1, 2]", "line 1", "must be a map");
  invalid("allow: [", "line 1", "");
  EXPECT_THAT(LoadConfigFile("/nonexistent/agent.yaml").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/agent.yaml")));
}

TEST(ConfigFile, IsDocumented) {
  std::vector<std::string> documented;
  for (const auto& row : testing::ReadTable("docs/configuration.md", "## proxy-agent"))
    documented.push_back(row.front());
  EXPECT_THAT(documented, ::testing::UnorderedElementsAreArray(ConfigKeys()));
}

}  // namespace
}  // namespace hawser::spoke
