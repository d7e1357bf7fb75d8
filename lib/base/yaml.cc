#include "lib/base/yaml.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <vector>

#include "lib/base/read_file.h"
#include "lib/base/status.h"

namespace hawser::base {
namespace {

constexpr size_t kMaxFile = 16 * 1024 * 1024;  // bytes

absl::Status ErrorAt(const YAML::Mark& mark, const std::string& what) {
  return absl::InvalidArgumentError("line " + std::to_string(mark.line + 1) + ": " + what);
}

// "*.svc" without quotes is the name of another place of the document to YAML.
constexpr const char* kAliasErrors[] = {
    YAML::ErrorMsg::UNKNOWN_ANCHOR, YAML::ErrorMsg::ALIAS_NOT_FOUND, YAML::ErrorMsg::CHAR_IN_ALIAS};

std::string Explain(const std::string& message) {
  const bool is_alias = std::find(std::begin(kAliasErrors), std::end(kAliasErrors), message) !=
                        std::end(kAliasErrors);
  return is_alias ? message + ": write texts that begin with * in quotes" : message;
}

// Nothing is a document without a value.
absl::StatusOr<YAML::Node> OneDocument(const std::string& text) {
  const std::vector<YAML::Node> documents = YAML::LoadAll(text);
  for (size_t i = 1; i < documents.size(); ++i)
    if (!documents[i].IsNull()) return YamlError(documents[i], "one document is wanted");
  return documents.empty() ? YAML::Node() : documents.front();
}

}  // namespace

absl::Status YamlError(const YAML::Node& node, const std::string& what) {
  return ErrorAt(node.Mark(), what);
}

absl::Status ReadYaml(const std::string& text, const std::string& name, YamlReader read) {
  absl::Status status;
  try {
    const absl::StatusOr<YAML::Node> root = OneDocument(text);
    status = root.ok() ? read(*root) : root.status();
  } catch (const YAML::Exception& error) {
    status = ErrorAt(error.mark, Explain(error.msg));
  }
  return Annotate(status, "read " + name);
}

absl::Status ForEachYamlEntry(
    const YAML::Node& node, const char* what,
    absl::FunctionRef<absl::Status(const YAML::Node& key, const YAML::Node& value)> read) {
  if (!node.IsMap()) return YamlError(node, std::string(what) + " must be a map");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (entry.first.IsNull()) return YamlError(entry.first, "a key without a name");
    const auto key = entry.first.as<std::string>();
    if (!seen.insert(key).second) return YamlError(entry.first, "a second " + key);
    // Such a value is where the next one is, or the end.
    if (entry.second.IsNull()) return YamlError(entry.first, key + " has no value");
    HAWSER_RETURN_IF_ERROR(read(entry.first, entry.second));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> YamlTexts(const YAML::Node& node,
                                                   const std::string& what) {
  if (!node.IsSequence()) return YamlError(node, what + " must be a list");
  std::vector<std::string> texts;
  for (const YAML::Node& entry : node) {
    if (entry.IsNull()) return YamlError(node, what + " has an entry without a value");
    texts.push_back(entry.as<std::string>());
  }
  return texts;
}

absl::Status ReadYamlFile(const std::string& path, YamlReader read) {
  HAWSER_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFile));
  return ReadYaml(text, path, read);
}

}  // namespace hawser::base
