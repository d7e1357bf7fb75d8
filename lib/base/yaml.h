// YAML configuration files. yaml-cpp reports by exceptions; here they become errors that name the
// file and the line.
//
//   constexpr base::YamlField<Config> kFields[] = {{"allow", ReadAllow}, {"resolve", ReadResolve}};
//   absl::Status status = base::ReadYaml(text, "agent.yaml", [&](const YAML::Node& root) {
//     return base::ReadYamlMap(root, "the file", kFields, config);
//   });
#pragma once

#include <yaml-cpp/yaml.h>

#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hawser::base {

// Reads a document's root into what the caller captured; may use everything of yaml-cpp that
// throws.
using YamlReader = absl::FunctionRef<absl::Status(const YAML::Node& root)>;

// A key of a map and what reads its value into a Target.
template <typename Target>
struct YamlField {
  const char* name;
  absl::Status (*read)(const YAML::Node& value, Target& target);
};

// kInvalidArgument "line 3: <what>", for a reader to return.
absl::Status YamlError(const YAML::Node& node, const std::string& what);

// Parses `text`, one document at most, and calls `read`. Errors are kInvalidArgument "read <name>:
// line 3: ...".
absl::Status ReadYaml(const std::string& text, const std::string& name, YamlReader read);
// The same for a file; kNotFound and the like when it cannot be read.
absl::Status ReadYamlFile(const std::string& path, YamlReader read);

// Calls `read` for every entry of a map. A key that comes twice is an error, and so is one without
// a value, which yaml-cpp would read as the text "null", and what is no map: `what`, such as "a
// rule".
absl::Status ForEachYamlEntry(
    const YAML::Node& node, const char* what,
    absl::FunctionRef<absl::Status(const YAML::Node& key, const YAML::Node& value)> read);

// The texts of a list. One without a value is an error, and so is what is no list: `what`.
absl::StatusOr<std::vector<std::string>> YamlTexts(const YAML::Node& node, const std::string& what);

// Reads a map by its fields; other keys are errors.
template <typename Target>
absl::Status ReadYamlMap(const YAML::Node& node, const char* what,
                         std::span<const YamlField<std::type_identity_t<Target>>> fields,
                         Target& target) {
  return ForEachYamlEntry(node, what,
                          [&](const YAML::Node& key, const YAML::Node& value) -> absl::Status {
                            const auto name = key.as<std::string>();
                            for (const auto& field : fields)
                              if (name == field.name) return field.read(value, target);
                            return YamlError(key, "unknown key " + name);
                          });
}

}  // namespace hawser::base
