#include "hub/config_file.h"

#include <utility>

#include "lib/base/status.h"
#include "lib/base/yaml.h"
#include "lib/pki/identity.h"

namespace hawser::hub {
namespace {

using base::YamlError;
using base::YamlField;

absl::Status ReadLimits(const YAML::Node& node, ConfigFile& config) {
  return base::ForEachYamlEntry(
      node, "limits", [&config](const YAML::Node& name, const YAML::Node& value) {
        if (!value.IsScalar()) return YamlError(value, "a limit must be one value");
        const std::string line = "line " + std::to_string(name.Mark().line + 1);
        config.limits[name.as<std::string>()] = {value.as<std::string>(), line};
        return absl::OkStatus();
      });
}

absl::Status ReadHostSuffixes(const YAML::Node& node, ConfigFile& config) {
  HAWSER_ASSIGN_OR_RETURN(const auto suffixes, base::YamlTexts(node, "host-suffixes"));
  for (size_t i = 0; i < suffixes.size(); ++i) {
    const auto suffix = tunnel::Domain::Parse(suffixes[i]);
    if (!suffix || suffix->empty()) return YamlError(node[i], "a host suffix must be a host name");
    config.host_suffixes.push_back(*suffix);
  }
  return absl::OkStatus();
}

absl::Status ReadGrants(const YAML::Node& node, ConfigFile& config) {
  return base::ForEachYamlEntry(
      node, "grants", [&config](const YAML::Node& key, const YAML::Node& value) {
        const auto cluster = key.as<std::string>();
        if (!pki::IsClusterName(cluster)) return YamlError(key, "not a cluster name: " + cluster);
        auto identifiers =
            tunnel::ParseIdentifiers(value.as<std::string>(), tunnel::UnknownKeys::kRefuse);
        if (!identifiers.ok()) return YamlError(value, std::string(identifiers.status().message()));
        config.grants[cluster] = *std::move(identifiers);
        return absl::OkStatus();
      });
}

absl::Status ReadDenied(const YAML::Node& node, ConfigFile& config) {
  if (!node.IsSequence()) return YamlError(node, "deny must be a list");
  for (const YAML::Node& entry : node) {
    if (!entry.IsMap() || entry.size() != 1)
      return YamlError(entry, "an entry of deny must be a map with one key");
    HAWSER_RETURN_IF_ERROR(base::ForEachYamlEntry(
        entry, "an entry of deny", [&](const YAML::Node& key, const YAML::Node& value) {
          const absl::Status added =
              config.denied.Add(key.as<std::string>(), value.as<std::string>());
          return added.ok() ? added : YamlError(entry, "deny: " + std::string(added.message()));
        }));
  }
  return absl::OkStatus();
}

constexpr YamlField<ConfigFile> kFields[] = {
    {"limits", ReadLimits},
    {"host-suffixes", ReadHostSuffixes},
    {"grants", ReadGrants},
    {"deny", ReadDenied},
};

absl::Status Read(const YAML::Node& root, ConfigFile& config) {
  if (root.IsNull()) return absl::OkStatus();
  return base::ReadYamlMap(root, "the file", kFields, config);
}

ConfigFile WithPlaces(ConfigFile config, const std::string& name) {
  for (auto& [flag, limit] : config.limits) limit.place = "read " + name + ": " + limit.place;
  return config;
}

}  // namespace

absl::StatusOr<ConfigFile> ParseConfig(const std::string& text, const std::string& name) {
  ConfigFile config;
  HAWSER_RETURN_IF_ERROR(
      base::ReadYaml(text, name, [&config](const YAML::Node& root) { return Read(root, config); }));
  return WithPlaces(std::move(config), name);
}

absl::StatusOr<ConfigFile> LoadConfigFile(const std::string& path) {
  ConfigFile config;
  HAWSER_RETURN_IF_ERROR(
      base::ReadYamlFile(path, [&config](const YAML::Node& root) { return Read(root, config); }));
  return WithPlaces(std::move(config), path);
}

std::vector<std::string> ConfigKeys() {
  std::vector<std::string> keys;
  for (const auto& field : kFields) keys.push_back(field.name);
  return keys;
}

}  // namespace hawser::hub
