#include "addon-manager/deployment_config.h"

#include <optional>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "addon-manager/fields.h"
#include "lib/base/status.h"

namespace hawser::addon_manager {
namespace {

using nlohmann::json;

// Whether `text` is of the form of `pattern`, in which '*' stands for any characters but ':'.
bool Matches(std::string_view pattern, std::string_view text) {
  // What follows the last '*', and the text that it was tried on. Earlier ones need not be tried
  // again: whatever they left, the last one may skip, too.
  std::optional<std::string_view> rest;
  std::string_view tried;
  for (;;) {
    if (!pattern.empty() && pattern.front() == '*') {
      pattern.remove_prefix(1);
      rest = pattern;
      tried = text;
    } else if (!pattern.empty() && !text.empty() && pattern.front() == text.front()) {
      pattern.remove_prefix(1);
      text.remove_prefix(1);
    } else if (pattern.empty() && text.empty()) {
      return true;
    } else {
      if (!rest || tried.empty() || tried.front() == ':') return false;
      tried.remove_prefix(1);
      pattern = *rest;
      text = tried;
    }
  }
}

absl::Status ReadProxy(const Fields& spec, DeploymentConfig::Proxy& proxy) {
  HAWSER_ASSIGN_OR_RETURN(const Fields fields, spec.Inside("proxyConfig"));
  HAWSER_RETURN_IF_ERROR(fields.Read("httpProxy", proxy.http));
  HAWSER_RETURN_IF_ERROR(fields.Read("httpsProxy", proxy.https));
  HAWSER_RETURN_IF_ERROR(fields.Read("noProxy", proxy.none));
  std::string bundle;
  HAWSER_RETURN_IF_ERROR(fields.Read("caBundle", bundle));
  if (!absl::Base64Unescape(bundle, &proxy.ca_bundle))
    return WrongField(fields.Path("caBundle"), "is not Base64");
  return absl::OkStatus();
}

// Reads a list of objects with two fields each.
template <typename Value>
absl::Status ReadPairs(const Fields& spec, const char* list, const char* first, const char* second,
                       std::vector<std::pair<std::string, Value>>& pairs) {
  HAWSER_ASSIGN_OR_RETURN(const auto items, spec.List(list));
  for (const Fields& item : items) {
    auto& [key, value] = pairs.emplace_back();
    HAWSER_RETURN_IF_ERROR(item.Read(first, key));
    HAWSER_RETURN_IF_ERROR(item.Read(second, value));
  }
  return absl::OkStatus();
}

}  // namespace

std::string DeploymentConfig::Image(const std::string& image) const {
  const std::pair<std::string, std::string>* best = nullptr;
  for (const auto& registry : registries) {
    if (!image.starts_with(registry.first)) continue;
    if (best == nullptr || registry.first.size() >= best->first.size()) best = &registry;
  }
  if (best == nullptr) return image;
  // Without a source it is the registry that is replaced: all but the image's own name.
  if (best->first.empty())
    return absl::StrCat(best->second, "/", image.substr(image.rfind('/') + 1));
  return best->second + image.substr(best->first.size());
}

json DeploymentConfig::Resources(const std::string& deployment,
                                 const std::string& container) const {
  const std::string id = absl::StrCat("deployments:", deployment, ":", container);
  json chosen;
  for (const auto& [pattern, wanted] : resources)
    if (Matches(pattern, id)) chosen = wanted;
  return chosen;
}

absl::StatusOr<DeploymentConfig> ParseDeploymentConfig(const json& object) {
  if (!object.is_object()) return absl::InvalidArgumentError("not an object");
  DeploymentConfig config;
  HAWSER_ASSIGN_OR_RETURN(const Fields spec, Fields(object, "").Inside("spec"));
  HAWSER_RETURN_IF_ERROR(spec.Read("agentInstallNamespace", config.install_namespace));
  HAWSER_ASSIGN_OR_RETURN(const Fields placement, spec.Inside("nodePlacement"));
  HAWSER_RETURN_IF_ERROR(placement.Read("nodeSelector", config.node_selector));
  HAWSER_RETURN_IF_ERROR(placement.Read("tolerations", config.tolerations));
  HAWSER_RETURN_IF_ERROR(ReadProxy(spec, config.proxy));
  HAWSER_RETURN_IF_ERROR(ReadPairs(spec, "registries", "source", "mirror", config.registries));
  HAWSER_RETURN_IF_ERROR(
      ReadPairs(spec, "resourceRequirements", "containerID", "resources", config.resources));
  HAWSER_RETURN_IF_ERROR(ReadPairs(spec, "customizedVariables", "name", "value", config.variables));
  return config;
}

}  // namespace hawser::addon_manager
