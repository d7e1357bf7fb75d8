#include "addon-manager/addon_status.h"

#include "lib/kube/object.h"

namespace hawser::addon_manager {
namespace {

using nlohmann::json;

json RegistrationJson(const Registration& registration) {
  json subject = {{"user", registration.user}, {"groups", registration.groups}};
  if (!registration.organization_units.empty())
    subject["organizationUnit"] = registration.organization_units;
  return {{"signerName", registration.signer}, {"subject", std::move(subject)}};
}

std::vector<std::string> Strings(const json* list) {
  std::vector<std::string> strings;
  if (list == nullptr || !list->is_array()) return strings;
  for (const json& item : *list)
    if (item.is_string()) strings.push_back(item.get<std::string>());
  return strings;
}

}  // namespace

json AddonStatus(const json& addon, const AddonFacts& facts, const FindConfig& find,
                 kube::WallTime now) {
  const json* before = kube::Find(addon, {"status"});
  json status = before != nullptr && before->is_object() ? *before : json::object();
  // An agent without a namespace would be registered in a wrong one.
  if (!facts.agent_namespace.empty()) {
    status["namespace"] = facts.agent_namespace;
    json registrations = json::array();
    for (const Registration& registration : facts.registrations)
      registrations.push_back(RegistrationJson(registration));
    // What the server has filled in does not make it another registration: that would start over.
    if (ParseRegistrations(addon) != facts.registrations) status["registrations"] = registrations;
  }
  status["healthCheck"] = {{"mode", "Lease"}};
  status["supportedConfigs"] = {
      {{"group", "addon.open-cluster-management.io"}, {"resource", "addondeploymentconfigs"}},
      {{"group", "proxy.open-cluster-management.io"}, {"resource", "managedproxyconfigurations"}}};
  if (const json* references = kube::Find(addon, {"status", "configReferences"}))
    if (const json* configs = kube::Find(addon, {"spec", "configs"}))
      status["configReferences"] = WithOwnHashes(*references, *configs, find);
  for (const kube::Condition& condition : facts.conditions)
    kube::SetCondition(status["conditions"], condition, 0, now);
  return status;
}

std::vector<Registration> ParseRegistrations(const json& addon) {
  std::vector<Registration> registrations;
  const json* list = kube::Find(addon, {"status", "registrations"});
  if (list == nullptr || !list->is_array()) return registrations;
  for (const json& entry : *list)
    registrations.push_back(
        {.signer = kube::StringAt(entry, {"signerName"}),
         .user = kube::StringAt(entry, {"subject", "user"}),
         .groups = Strings(kube::Find(entry, {"subject", "groups"})),
         .organization_units = Strings(kube::Find(entry, {"subject", "organizationUnit"}))});
  return registrations;
}

}  // namespace hawser::addon_manager
