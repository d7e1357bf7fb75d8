#include "lib/base/yaml.h"

#include <cerrno>
#include <fstream>
#include <iterator>

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

absl::Status ReadYamlFile(const std::string& path, YamlReader read) {
  std::ifstream file(path);
  if (!file) return ErrnoStatus(errno, "read " + path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return ReadYaml(text, path, read);
}

}  // namespace hawser::base
