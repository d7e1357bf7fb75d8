#include "addon-manager/sources.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "addon-manager/names.h"
#include "addon-manager/resources.h"
#include "lib/kube/api_error.h"

namespace hawser::addon_manager {
namespace {

using Options = kube::Informer::Options;

Options Everything(const kube::Resource& resource) { return {.resource = resource}; }

Options CalledOnly(const kube::Resource& resource, const std::string& name) {
  return {.resource = resource, .selection = {.field_selector = "metadata.name=" + name}};
}

Options OfTheAddon(const kube::Resource& resource) {
  return {.resource = resource,
          .selection = {.label_selector = absl::StrCat(kAddonLabel, "=", kAddonName)}};
}

Options MadeByUs(const kube::Resource& resource, const std::string& ns) {
  return {
      .resource = resource,
      .selection = {.ns = ns, .label_selector = absl::StrCat(kComponentLabel, "=", kProxyServer)}};
}

}  // namespace

Sources::Sources(kube::Client& client, const SourceOptions& options)
    : proxy_configurations(client, CalledOnly(kProxyConfigurations, options.configuration)),
      management_addons(client, CalledOnly(kManagementAddons, kAddonName)),
      deployment_configs(client, Everything(kDeploymentConfigs)),
      clusters(client, Everything(kClusters)),
      cluster_addons(client, CalledOnly(kClusterAddons, kAddonName)),
      works(client, OfTheAddon(kManifestWorks)),
      signing_requests(client, OfTheAddon(kSigningRequests)),
      config_maps(client, MadeByUs(kConfigMaps, options.ns)),
      services(client, MadeByUs(kServices, options.ns)),
      deployments(client, MadeByUs(kDeployments, options.ns)) {
  for (const std::string& name : options.secrets) {
    Options one = CalledOnly(kSecrets, name);
    one.selection.ns = options.ns;
    secrets.push_back(std::make_unique<kube::Informer>(client, one));
    secret_names_.push_back(name);
  }
}

std::vector<Sources::Named> Sources::All() const {
  std::vector<Named> all = {{"managedproxyconfigurations", &proxy_configurations},
                            {"clustermanagementaddons", &management_addons},
                            {"addondeploymentconfigs", &deployment_configs},
                            {"managedclusters", &clusters},
                            {"managedclusteraddons", &cluster_addons},
                            {"manifestworks", &works},
                            {"certificatesigningrequests", &signing_requests},
                            {"configmaps", &config_maps},
                            {"services", &services},
                            {"deployments", &deployments}};
  for (size_t i = 0; i < secrets.size(); ++i)
    all.emplace_back("secrets/" + secret_names_[i], secrets[i].get());
  return all;
}

std::vector<kube::Informer*> Sources::Each() {
  std::vector<kube::Informer*> each = {&proxy_configurations,
                                       &management_addons,
                                       &deployment_configs,
                                       &clusters,
                                       &cluster_addons,
                                       &works,
                                       &signing_requests,
                                       &config_maps,
                                       &services,
                                       &deployments};
  for (const auto& secret : secrets) each.push_back(secret.get());
  return each;
}

void Sources::Start() {
  for (kube::Informer* informer : Each()) informer->Start();
}

void Sources::Stop() {
  for (kube::Informer* informer : Each()) informer->Stop();
}

bool Sources::Synced() const {
  const auto all = All();
  return std::all_of(all.begin(), all.end(),
                     [](const auto& source) { return source.second->synced(); });
}

absl::Status Sources::Current() const {
  for (const auto& [name, informer] : All())
    if (const absl::Status status = informer->status(); !status.ok())
      return absl::UnavailableError(absl::StrCat("waiting for ", name, ": ", status.message()));
  return absl::OkStatus();
}

kube::ObjectPtr Sources::AddonOf(const std::string& cluster) const {
  const kube::ObjectPtr addon = cluster_addons.Get(kube::ObjectName{cluster, kAddonName}.Key());
  const kube::ObjectPtr managed = clusters.Get(cluster);
  if (addon == nullptr || managed == nullptr || kube::IsBeingDeleted(*addon) ||
      kube::IsBeingDeleted(*managed))
    return nullptr;
  const kube::Object* accepted = kube::Find(*managed, {"spec", "hubAcceptsClient"});
  return accepted != nullptr && *accepted == true ? addon : nullptr;
}

kube::ObjectPtr Sources::Config(const ConfigId& id) const {
  const std::string key = kube::ObjectName{id.ns, id.name}.Key();
  const auto is = [&id](const kube::Resource& resource) {
    return id.resource == resource.plural + "." + resource.group;
  };
  if (is(kProxyConfigurations)) return proxy_configurations.Get(key);
  if (is(kDeploymentConfigs)) return deployment_configs.Get(key);
  return nullptr;
}

}  // namespace hawser::addon_manager
