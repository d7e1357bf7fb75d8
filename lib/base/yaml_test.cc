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
  EXPECT_THAT(ReadYamlFile("/nonexistent/x.yaml", read),
              StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("/nonexistent/x.yaml")));
}

}  // namespace
}  // namespace hawser::base
