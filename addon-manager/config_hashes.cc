#include "addon-manager/config_hashes.h"

#include <set>

#include "lib/pki/digest.h"

namespace hawser::addon_manager {
namespace {

using kube::StringAt;
using nlohmann::json;

std::string ResourceText(const json& reference) {
  const std::string group = StringAt(reference, {"group"});
  return StringAt(reference, {"resource"}) + (group.empty() ? "" : "." + group);
}

void FillHash(json& reference, const FindConfig& find) {
  const ConfigId id = DesiredConfig(reference);
  if (id.name.empty()) return;
  if (const kube::ObjectPtr config = find(id))
    reference["desiredConfig"]["specHash"] = SpecHash(*config);
}

template <typename Fill>
void ForEach(json& object, const char* list, Fill fill) {
  const auto found = object.find(list);
  if (found == object.end() || !found->is_array()) return;
  for (json& item : *found)
    if (item.is_object()) fill(item);
}

}  // namespace

std::string SpecHash(const json& object) {
  static const std::set<std::string> kHead = {"apiVersion", "kind", "metadata", "status"};
  json content = json::object();
  for (const auto& [key, value] : object.items())
    if (!kHead.contains(key)) content[key] = value;
  return pki::Sha256Hex(content.dump());
}

std::string ConfigId::Text() const { return resource + "/" + ns + "/" + name; }

ConfigId DesiredConfig(const json& reference) {
  return {ResourceText(reference), StringAt(reference, {"desiredConfig", "namespace"}),
          StringAt(reference, {"desiredConfig", "name"})};
}

ConfigId NamedConfig(const json& config) {
  return {ResourceText(config), StringAt(config, {"namespace"}), StringAt(config, {"name"})};
}

json WithConfigHashes(json status, const FindConfig& find) {
  if (!status.is_object()) return status;
  const auto fill = [&find](json& reference) { FillHash(reference, find); };
  ForEach(status, "defaultconfigReferences", fill);
  ForEach(status, "installProgressions",
          [&fill](json& progression) { ForEach(progression, "configReferences", fill); });
  return status;
}

json WithOwnHashes(json references, const json& configs, const FindConfig& find) {
  if (!references.is_array() || !configs.is_array()) return references;
  for (json& reference : references) {
    if (!reference.is_object()) continue;
    for (const json& config : configs)
      if (NamedConfig(config) == DesiredConfig(reference)) FillHash(reference, find);
  }
  return references;
}

std::string ConfigHashAnnotation(const json& references) {
  json hashes = json::object();
  if (references.is_array())
    for (const json& reference : references)
      if (kube::Find(reference, {"desiredConfig"}) != nullptr)
        hashes[DesiredConfig(reference).Text()] =
            StringAt(reference, {"desiredConfig", "specHash"});
  return hashes.dump();
}

}  // namespace hawser::addon_manager
