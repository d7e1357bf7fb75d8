#include "lib/base/yaml.h"

#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::base {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::IsOkAndHolds;
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

TEST(Yaml, WantsOneDocument) {
  const auto read = [](const YAML::Node& root) {
    return root.IsNull() ? absl::NotFoundError("nothing") : absl::OkStatus();
  };
  for (const char* text : {"---\na: 1\n...\n", "a: 1\n---\n", "a: 1\n---\n# nothing\n---\n"})
    EXPECT_THAT(ReadYaml(text, "x.yaml", read), IsOk()) << text;
  for (const char* text : {"", "# a comment\n", "---\n"})
    EXPECT_THAT(ReadYaml(text, "x.yaml", read),
                StatusIs(absl::StatusCode::kNotFound, "read x.yaml: nothing"));
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(ReadYaml("a: 1\n---\nb: 2\n", "x.yaml", read),
              StatusIs(invalid, "read x.yaml: line 3: one document is wanted"));
  EXPECT_THAT(ReadYaml("a: 1\n---\nb: [\n", "x.yaml", read),
              StatusIs(invalid, ::testing::HasSubstr("read x.yaml: line ")));
}

TEST(Yaml, SaysWhatAStarNeeds) {
  const auto read = [](const YAML::Node&) { return absl::OkStatus(); };
  for (const char* text : {"a:\n  - *.svc", "a:\n  - *svc", "a: b\nc: [*]", "a:\n  *.svc"}) {
    EXPECT_THAT(ReadYaml(text, "x.yaml", read),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         ::testing::MatchesRegex(
                             "read x.yaml: line 2: .*: write texts that begin with \\* in quotes")))
        << text;
  }
  EXPECT_THAT(ReadYaml("a: &b 1\nc: *b", "x.yaml", read), IsOk());
}

TEST(Yaml, TextsAreNeverMissing) {
  absl::StatusOr<std::vector<std::string>> texts;
  const auto read = [&](const std::string& text) {
    return ReadYaml(text, "x.yaml", [&](const YAML::Node& root) {
      return (texts = YamlTexts(root, "it")).status();
    });
  };
  EXPECT_THAT(read("[a, 80, '', 'null']"), IsOk());
  EXPECT_THAT(texts, IsOkAndHolds(::testing::ElementsAre("a", "80", "", "null")));
  const auto invalid = absl::StatusCode::kInvalidArgument;
  for (const char* text : {"\n- a\n-\n", "\n- ~\n", "\n- null\n"})
    EXPECT_THAT(read(text),
                StatusIs(invalid, "read x.yaml: line 2: it has an entry without a value"))
        << text;
  EXPECT_THAT(read("a"), StatusIs(invalid, "read x.yaml: line 1: it must be a list"));
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
  EXPECT_THAT(read("a: 1\nb:\n\n"), StatusIs(invalid, "read x.yaml: line 2: b has no value"));
  EXPECT_THAT(read("b: ~\na: 1"), StatusIs(invalid, "read x.yaml: line 1: b has no value"));
  EXPECT_THAT(read("~: 1"), StatusIs(invalid, "read x.yaml: line 1: a key without a name"));
  EXPECT_THAT(read("[a]"), StatusIs(invalid, "read x.yaml: line 1: the file must be a map"));
}

}  // namespace
}  // namespace hawser::base
