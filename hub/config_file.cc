#include "hub/config_file.h"

#include "lib/base/status.h"
#include "lib/base/yaml.h"
#include "lib/pki/identity.h"

namespace hawser::hub {
namespace {

using base::YamlError;

absl::Status ReadLimits(const YAML::Node& node, ConfigFile& config) {
  if (!node.IsMap()) return YamlError(node, "limits must be a map");
  for (const auto& entry : node) {
    if (!entry.second.IsScalar()) return YamlError(entry.second, "a limit must be one value");
    config.limits[entry.first.as<std::string>()] = entry.second.as<std::string>();
  }
  return absl::OkStatus();
}

absl::Status ReadHostSuffixes(const YAML::Node& node, ConfigFile& config) {
  if (!node.IsSequence()) return YamlError(node, "host-suffixes must be a list");
  for (const YAML::Node& entry : node) {
    const auto suffix = tunnel::Domain::Parse(entry.as<std::string>());
    if (!suffix || suffix->empty()) return YamlError(entry, "a host suffix must be a host name");
    config.host_suffixes.push_back(*suffix);
  }
  return absl::OkStatus();
}

absl::Status ReadGrants(const YAML::Node& node, ConfigFile& config) {
  if (!node.IsMap()) return YamlError(node, "grants must be a map");
  for (const auto& entry : node) {
    const auto cluster = entry.first.as<std::string>();
    if (!pki::IsClusterName(cluster))
      return YamlError(entry.first, "not a cluster name: " + cluster);
    auto identifiers =
        tunnel::ParseIdentifiers(entry.second.as<std::string>(), tunnel::UnknownKeys::kRefuse);
    if (!identifiers.ok())
      return YamlError(entry.second, std::string(identifiers.status().message()));
    config.grants[cluster] = *std::move(identifiers);
  }
  return absl::OkStatus();
}

absl::Status ReadDenied(const YAML::Node& node, ConfigFile& config) {
  if (!node.IsSequence()) return YamlError(node, "deny must be a list");
  for (const YAML::Node& entry : node) {
    if (!entry.IsMap() || entry.size() != 1)
      return YamlError(entry, "an entry of deny must be a map with one key");
    const auto only = *entry.begin();
    const absl::Status status =
        config.denied.Add(only.first.as<std::string>(), only.second.as<std::string>());
    if (!status.ok()) return YamlError(entry, "deny: " + std::string(status.message()));
  }
  return absl::OkStatus();
}

absl::Status Read(const YAML::Node& root, ConfigFile& config) {
  if (root.IsNull()) return absl::OkStatus();
  if (!root.IsMap()) return YamlError(root, "the file must be a map");
  for (const auto& entry : root) {
    const auto key = entry.first.as<std::string>();
    if (key == "limits") {
      HAWSER_RETURN_IF_ERROR(ReadLimits(entry.second, config));
    } else if (key == "host-suffixes") {
      HAWSER_RETURN_IF_ERROR(ReadHostSuffixes(entry.second, config));
    } else if (key == "grants") {
      HAWSER_RETURN_IF_ERROR(ReadGrants(entry.second, config));
    } else if (key == "deny") {
      HAWSER_RETURN_IF_ERROR(ReadDenied(entry.second, config));
    } else {
      return YamlError(entry.first, "unknown key " + key);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ConfigFile> ParseConfig(const std::string& text, const std::string& name) {
  ConfigFile config;
  HAWSER_RETURN_IF_ERROR(
      base::ReadYaml(text, name, [&config](const YAML::Node& root) { return Read(root, config); }));
  return config;
}

absl::StatusOr<ConfigFile> LoadConfigFile(const std::string& path) {
  ConfigFile config;
  HAWSER_RETURN_IF_ERROR(
      base::ReadYamlFile(path, [&config](const YAML::Node& root) { return Read(root, config); }));
  return config;
}

}  // namespace hawser::hub
