#include "cli/denied_entry.h"

#include <cstddef>
#include <cstdint>

#include "lib/base/status.h"
#include "lib/base/yaml.h"

namespace hawser::cli {
namespace {

// Where the text's line `number` begins; the end when it has fewer.
size_t LineStart(const std::string& text, size_t number) {
  size_t start = 0;
  for (; number > 0 && start < text.size(); --number) {
    const size_t end = text.find('\n', start);
    start = end == std::string::npos ? text.size() : end + 1;
  }
  return start;
}

// As hubs read it, and so that a line can be added.
absl::Status CheckList(const YAML::Node& list) {
  if (!list.IsSequence() || list.Style() == YAML::EmitterStyle::Flow)
    return base::YamlError(list, "deny must be a list with a line for each entry");
  for (const YAML::Node& entry : list)
    if (!entry.IsMap() || entry.size() != 1)
      return base::YamlError(entry, "an entry of deny must be a map with one key");
  return absl::OkStatus();
}

bool Has(const YAML::Node& list, const std::string& key, const std::string& value) {
  for (const YAML::Node& entry : list)
    if (entry[key] && entry[key].Scalar() == value) return true;
  return false;
}

}  // namespace

absl::StatusOr<std::string> WithDenied(const std::string& text, const std::string& name,
                                       const std::string& key, const std::string& value) {
  std::string result = text;
  YAML::Emitter quoted;  // where that is needed
  quoted << value;
  const std::string entry = "- " + key + ": " + quoted.c_str() + "\n";
  const auto insert = [&](size_t line, const std::string& lines) {
    const size_t at = LineStart(text, line);
    const bool unfinished = at > 0 && text[at - 1] != '\n';
    result.insert(at, (unfinished ? "\n" : "") + lines);
  };
  HAWSER_RETURN_IF_ERROR(base::ReadYaml(text, name, [&](const YAML::Node& root) -> absl::Status {
    bool listed = false;
    if (!root.IsNull()) {
      HAWSER_RETURN_IF_ERROR(base::ForEachYamlEntry(
          root, "the file", [&](const YAML::Node& field, const YAML::Node& list) {
            if (field.Scalar() != "deny") return absl::OkStatus();
            listed = true;
            HAWSER_RETURN_IF_ERROR(CheckList(list));
            if (Has(list, key, value)) return absl::OkStatus();
            const std::string indent(static_cast<size_t>(list.Mark().column), ' ');
            insert(static_cast<size_t>(list.Mark().line), indent + entry);
            return absl::OkStatus();
          }));
      if (root.Style() == YAML::EmitterStyle::Flow)
        return base::YamlError(root, "the file must be a map with a line for each key");
    }
    if (!listed) insert(SIZE_MAX, "deny:\n  " + entry);
    return absl::OkStatus();
  }));
  // Whatever else its author did with lines and columns.
  bool there = false;
  const absl::Status read = base::ReadYaml(result, name, [&](const YAML::Node& root) {
    there = root.IsMap() && root["deny"] && Has(root["deny"], key, value);
    return absl::OkStatus();
  });
  if (!read.ok() || !there)
    return absl::InvalidArgumentError(name + ": write the entry \"- " + key + ": " + value +
                                      "\" into its list deny by hand");
  return result;
}

}  // namespace hawser::cli
