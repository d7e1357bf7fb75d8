#include "spoke/config_file.h"

#include "lib/base/status.h"
#include "lib/base/yaml.h"

namespace hawser::spoke {
namespace {

using base::YamlError;
using base::YamlField;

using Rule = AllowList::Rule;

absl::Status ReadList(const YAML::Node& node, const std::string& what,
                      std::vector<std::string>& list) {
  HAWSER_ASSIGN_OR_RETURN(list, base::YamlTexts(node, what));
  return list.empty() ? YamlError(node, what + " must not be empty") : absl::OkStatus();
}

constexpr YamlField<Rule> kRuleFields[] = {
    {"hosts", [](auto& node, Rule& rule) { return ReadList(node, "hosts", rule.hosts); }},
    {"cidrs", [](auto& node, Rule& rule) { return ReadList(node, "cidrs", rule.cidrs); }},
    {"ports", [](auto& node, Rule& rule) { return ReadList(node, "ports", rule.ports); }},
};

absl::Status ReadAllowList(const YAML::Node& node, ConfigFile& config) {
  if (!node.IsSequence()) return YamlError(node, "allow must be a list");
  std::vector<Rule> rules;
  for (const YAML::Node& entry : node) {
    HAWSER_RETURN_IF_ERROR(base::ReadYamlMap(entry, "a rule", kRuleFields, rules.emplace_back()));
    // Each by itself, so that an error has its line.
    if (const auto list = AllowList::Make({rules.back()}); !list.ok())
      return YamlError(entry, std::string(list.status().message()));
  }
  HAWSER_ASSIGN_OR_RETURN(config.allow_list, AllowList::Make(rules));
  return absl::OkStatus();
}

absl::Status ReadResolve(const YAML::Node& node, ConfigFile& config) {
  return base::ForEachYamlEntry(
      node, "resolve", [&config](const YAML::Node& name, const YAML::Node& address) {
        const absl::Status added =
            config.resolve.Add(name.as<std::string>(), address.as<std::string>());
        return added.ok() ? added : YamlError(name, std::string(added.message()));
      });
}

constexpr YamlField<ConfigFile> kFields[] = {
    {"allow", ReadAllowList},
    {"resolve", ReadResolve},
};

absl::Status Read(const YAML::Node& root, ConfigFile& config) {
  if (root.IsNull()) return absl::OkStatus();
  return base::ReadYamlMap(root, "the file", kFields, config);
}

}  // namespace

absl::StatusOr<ConfigFile> ParseConfig(const std::string& text, const std::string& name) {
  ConfigFile config;
  HAWSER_RETURN_IF_ERROR(
      base::ReadYaml(text, name, [&](const YAML::Node& root) { return Read(root, config); }));
  return config;
}

absl::StatusOr<ConfigFile> LoadConfigFile(const std::string& path) {
  ConfigFile config;
  HAWSER_RETURN_IF_ERROR(
      base::ReadYamlFile(path, [&](const YAML::Node& root) { return Read(root, config); }));
  return config;
}

std::vector<std::string> ConfigKeys() {
  std::vector<std::string> keys;
  for (const auto& field : kFields) keys.push_back(field.name);
  for (const auto& field : kRuleFields) keys.push_back(std::string("allow.") + field.name);
  return keys;
}

}  // namespace hawser::spoke
