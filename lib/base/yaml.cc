#include "lib/base/yaml.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>

#include "lib/base/status.h"

namespace hawser::base {
namespace {

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
  std::ifstream file(path);
  if (!file) return ErrnoStatus(errno, "read " + path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return ReadYaml(text, path, read);
}

}  // namespace hawser::base
