#include "spoke/config_file.h"

#include <vector>

#include "lib/base/status.h"
#include "lib/base/yaml.h"

namespace hawser::spoke {
namespace {

absl::StatusOr<std::vector<std::string>> ReadList(const YAML::Node& node, const std::string& name) {
  if (!node.IsSequence()) return base::YamlError(node, name + " must be a list");
  if (node.size() == 0) return base::YamlError(node, name + " must not be empty");
  return node.as<std::vector<std::string>>();
}

absl::StatusOr<AllowList::Rule> ReadRule(const YAML::Node& node) {
  if (!node.IsMap()) return base::YamlError(node, "a rule must be a map");
  AllowList::Rule rule;
  for (const auto& entry : node) {
    const auto key = entry.first.as<std::string>();
    if (key == "hosts") {
      HAWSER_ASSIGN_OR_RETURN(rule.hosts, ReadList(entry.second, key));
    } else if (key == "cidrs") {
      HAWSER_ASSIGN_OR_RETURN(rule.cidrs, ReadList(entry.second, key));
    } else if (key == "ports") {
      HAWSER_ASSIGN_OR_RETURN(rule.ports, ReadList(entry.second, key));
    } else {
      return base::YamlError(entry.first, "unknown key " + key);
    }
  }
  return rule;
}

absl::StatusOr<AllowList> ReadAllowList(const YAML::Node& node) {
  if (!node.IsSequence()) return base::YamlError(node, "allow must be a list");
  std::vector<AllowList::Rule> rules;
  for (const YAML::Node& entry : node) {
    HAWSER_ASSIGN_OR_RETURN(rules.emplace_back(), ReadRule(entry));
    // Each by itself, so that an error has its line.
    if (const auto list = AllowList::Make({rules.back()}); !list.ok())
      return base::YamlError(entry, std::string(list.status().message()));
  }
  return AllowList::Make(rules);
}

absl::Status Read(const YAML::Node& root, ConfigFile& config) {
  if (root.IsNull()) return absl::OkStatus();
  if (!root.IsMap()) return base::YamlError(root, "the file must be a map");
  for (const auto& entry : root) {
    const auto key = entry.first.as<std::string>();
    if (key == "allow") {
      HAWSER_ASSIGN_OR_RETURN(config.allow_list, ReadAllowList(entry.second));
    } else if (key == "resolve") {
      if (!entry.second.IsMap()) return base::YamlError(entry.second, "resolve must be a map");
      config.resolve = entry.second.as<std::map<std::string, std::string>>();
    } else {
      return base::YamlError(entry.first, "unknown key " + key);
    }
  }
  return absl::OkStatus();
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

}  // namespace hawser::spoke
