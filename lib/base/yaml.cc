#include "lib/base/yaml.h"

#include <set>

#include "lib/base/read_file.h"
#include "lib/base/status.h"

namespace hawser::base {
namespace {

constexpr size_t kMaxFile = 16 * 1024 * 1024;  // bytes

absl::Status ErrorAt(const YAML::Mark& mark, const std::string& what) {
  return absl::InvalidArgumentError("line " + std::to_string(mark.line + 1) + ": " + what);
}

}  // namespace

absl::Status YamlError(const YAML::Node& node, const std::string& what) {
  return ErrorAt(node.Mark(), what);
}

absl::Status ReadYaml(const std::string& text, const std::string& name, YamlReader read) {
  absl::Status status;
  try {
    status = read(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    status = ErrorAt(error.mark, error.msg);
  }
  return Annotate(status, "read " + name);
}

absl::Status ForEachYamlEntry(
    const YAML::Node& node, const char* what,
    absl::FunctionRef<absl::Status(const YAML::Node& key, const YAML::Node& value)> read) {
  if (!node.IsMap()) return YamlError(node, std::string(what) + " must be a map");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const auto key = entry.first.as<std::string>();
    if (!seen.insert(key).second) return YamlError(entry.first, "a second " + key);
    HAWSER_RETURN_IF_ERROR(read(entry.first, entry.second));
  }
  return absl::OkStatus();
}

absl::Status ReadYamlFile(const std::string& path, YamlReader read) {
  HAWSER_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFile));
  return ReadYaml(text, path, read);
}

}  // namespace hawser::base
