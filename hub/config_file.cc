#include "hub/config_file.h"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "lib/base/status.h"
#include "lib/pki/identity.h"
#include "lib/tunnel/host_name.h"

namespace hawser::hub {
namespace {

absl::Status Wrong(const YAML::Mark& mark, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", mark.line + 1, ": ", what));
}

absl::Status ReadLimits(const YAML::Node& node, ConfigFile& config) {
  if (!node.IsMap()) return Wrong(node.Mark(), "limits must be a map");
  for (const auto& entry : node) {
    if (!entry.second.IsScalar()) return Wrong(entry.second.Mark(), "a limit must be one value");
    config.limits[entry.first.as<std::string>()] = entry.second.as<std::string>();
  }
  return absl::OkStatus();
}

absl::Status ReadHostSuffixes(const YAML::Node& node, ConfigFile& config) {
  if (!node.IsSequence()) return Wrong(node.Mark(), "host-suffixes must be a list");
  for (const YAML::Node& entry : node) {
    const auto suffix = tunnel::CanonicalHost(entry.as<std::string>());
    if (!suffix) return Wrong(entry.Mark(), "a host suffix must be a host name");
    config.grants.host_suffixes.push_back(*suffix);
  }
  return absl::OkStatus();
}

absl::Status ReadGrants(const YAML::Node& node, ConfigFile& config) {
  if (!node.IsMap()) return Wrong(node.Mark(), "grants must be a map");
  for (const auto& entry : node) {
    const auto cluster = entry.first.as<std::string>();
    if (!pki::IsClusterName(cluster))
      return Wrong(entry.first.Mark(), "not a cluster name: " + cluster);
    auto identifiers = tunnel::ParseIdentifiers(entry.second.as<std::string>());
    if (!identifiers.ok())
      return Wrong(entry.second.Mark(), std::string(identifiers.status().message()));
    config.grants.identifiers[cluster] = *std::move(identifiers);
  }
  return absl::OkStatus();
}

absl::StatusOr<ConfigFile> Read(const YAML::Node& root) {
  ConfigFile config;
  if (root.IsNull()) return config;
  if (!root.IsMap()) return Wrong(root.Mark(), "the file must be a map");
  for (const auto& entry : root) {
    const auto key = entry.first.as<std::string>();
    if (key == "limits") {
      HAWSER_RETURN_IF_ERROR(ReadLimits(entry.second, config));
    } else if (key == "host-suffixes") {
      HAWSER_RETURN_IF_ERROR(ReadHostSuffixes(entry.second, config));
    } else if (key == "grants") {
      HAWSER_RETURN_IF_ERROR(ReadGrants(entry.second, config));
    } else {
      return Wrong(entry.first.Mark(), "unknown key " + key);
    }
  }
  return config;
}

}  // namespace

absl::StatusOr<ConfigFile> ParseConfig(const std::string& text, const std::string& name) {
  const std::string context = "read configuration " + name;
  try {
    auto config = Read(YAML::Load(text));
    if (!config.ok()) return base::Annotate(config.status(), context);
    return config;
  } catch (const YAML::Exception& error) {
    return base::Annotate(Wrong(error.mark, error.msg), context);
  }
}

absl::StatusOr<ConfigFile> LoadConfigFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return base::ErrnoStatus(errno, "read configuration " + path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return ParseConfig(text, path);
}

}  // namespace hawser::hub
