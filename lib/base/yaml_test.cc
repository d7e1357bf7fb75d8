#include "lib/base/yaml.h"

#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;

TEST(Yaml, ReadsADocument) {
  int value = 0;
  EXPECT_THAT(ReadYaml("a: 7", "x.yaml",
                       [&](const YAML::Node& root) {
                         value = root["a"].as<int>();
                         return absl::OkStatus();
                       }),
              IsOk());
  EXPECT_EQ(value, 7);
}

TEST(Yaml, ErrorsNameFileAndLine) {
  const auto read = [](const YAML::Node& root) {
    root["a"].as<int>();
    return YamlError(root["b"], "b is wrong");
  };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(ReadYaml("a: 1\nb: 2", "x.yaml", read),
              StatusIs(invalid, "read x.yaml: line 2: b is wrong"));
  EXPECT_THAT(ReadYaml("\na: one", "x.yaml", read),
              StatusIs(invalid, "read x.yaml: line 2: bad conversion"));
  EXPECT_THAT(ReadYaml("a: [", "x.yaml", read),
              StatusIs(invalid, ::testing::HasSubstr("read x.yaml: line ")));
  EXPECT_THAT(ReadYamlFile("/", read).message(), ::testing::HasSubstr("read /: is a directory"));
  EXPECT_THAT(ReadYamlFile("/nonexistent/x.yaml", read),
              StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("/nonexistent/x.yaml")));
}

TEST(Yaml, ReadsMapsByTheirFields) {
  struct Config {
    int a = 0;
    std::string b;
  };
  const YamlField<Config> fields[] = {
      {"a",
       [](const YAML::Node& node, Config& config) {
         config.a = node.as<int>();
         return absl::OkStatus();
       }},
      {"b",
       [](const YAML::Node& node, Config& config) {
         config.b = node.as<std::string>();
         return absl::OkStatus();
       }},
  };
  Config config;
  const auto read = [&](const std::string& text) {
    return ReadYaml(text, "x.yaml", [&](const YAML::Node& root) {
      return ReadYamlMap(root, "the file", fields, config);
    });
  };
  EXPECT_THAT(read("a: 7\nb: seven"), IsOk());
  EXPECT_EQ(config.a, 7);
  EXPECT_EQ(config.b, "seven");
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(read("a: 1\nc: 2"), StatusIs(invalid, "read x.yaml: line 2: unknown key c"));
  EXPECT_THAT(read("a: 1\na: 2"), StatusIs(invalid, "read x.yaml: line 2: a second a"));
  EXPECT_THAT(read("[a]"), StatusIs(invalid, "read x.yaml: line 1: the file must be a map"));
}

}  // namespace
}  // namespace hawser::base
