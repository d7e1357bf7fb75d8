#include "addon-manager/addon_reconciler.h"

#include <glog/logging.h>

#include "addon-manager/names.h"
#include "addon-manager/resources.h"
#include "addon-manager/spoke_objects.h"
#include "lib/base/status.h"
#include "lib/kube/api_error.h"

namespace hawser::addon_manager {
namespace {

using kube::Object;
using kube::StringAt;

kube::Condition ManifestCondition(const Object* work) {
  constexpr char kType[] = "ManifestApplied";
  if (work == nullptr) return {kType, false, "WaitingForWork", "the ManifestWork was just made"};
  const Object* applied = kube::FindCondition(*work, "Applied");
  if (applied == nullptr)
    return {kType, false, "WaitingForAgent", "the cluster's work agent has not said anything yet"};
  const bool good = kube::IsConditionTrue(*work, "Applied");
  return {kType, good, good ? "AddonManifestApplied" : "AddonManifestAppliedFailed",
          good ? "manifests of the add-on are applied" : StringAt(*applied, {"message"})};
}

// Whether the server has what we want; it may have more.
bool Contains(const Object& existing, const Object& wanted) {
  if (!wanted.is_object()) return existing == wanted;
  if (!existing.is_object()) return false;
  for (const auto& [key, value] : wanted.items()) {
    const auto found = existing.find(key);
    if (found == existing.end() || !Contains(*found, value)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<kube::Outcome> AddonReconciler::Reconcile(const std::string& key,
                                                         const std::stop_token& stop) {
  if (sources_.cluster_addons.Get(kube::ObjectName{key, kAddonName}.Key()) == nullptr)
    leaves_.Forget(key);
  const auto addon = sources_.AddonOf(key);
  const HubStatePtr hub = state_.Get();
  // Where something goes, its ManifestWork goes with its owner. All else comes with an event.
  if (addon == nullptr || hub == nullptr) return kube::Outcome::Done();
  const kube::Call call{.timeout = std::nullopt, .stop = stop};
  const auto existing = sources_.works.Get(kube::ObjectName{key, kManifestWork}.Key());

  AddonFacts facts;
  facts.registrations = RegistrationsOf(key, AuthorityHash(hub->agents.active.certificate));
  facts.conditions = {{"RegistrationApplied", true, "SetPermissionApplied",
                       "registration of the agent is configured"}};
  const auto fail = [&](const char* reason,
                        const absl::Status& why) -> absl::StatusOr<kube::Outcome> {
    facts.conditions.push_back({"ManifestApplied", false, reason, std::string(why.message())});
    HAWSER_RETURN_IF_ERROR(WriteStatus(*addon, facts, call));
    return kube::Outcome::Done();  // what mends it comes with an event
  };
  const auto config = ConfigOf(*addon);
  // Where the agent goes must not change only because its configuration is broken for a while.
  facts.agent_namespace =
      config.ok() ? config->install_namespace : StringAt(*addon, {"status", "namespace"});
  if (!config.ok()) return fail("InvalidConfiguration", config.status());
  if (hub->addresses.empty())
    return fail("NoEntrypoint",
                absl::UnavailableError("service " + hub->configuration.server.entrypoint.service +
                                       " has no address yet that agents could reach"));
  const auto work = Work(*addon, *hub, *config, existing.get());
  if (!work.ok()) return fail("InvalidConfiguration", work.status());

  facts.conditions.push_back(ManifestCondition(existing.get()));
  HAWSER_RETURN_IF_ERROR(WriteStatus(*addon, facts, call));
  // Until then the status may refer to configurations of which nothing is known yet.
  if (!kube::IsConditionTrue(*addon, "Configured")) return kube::Outcome::Done();
  if (existing != nullptr && Contains(*existing, *work)) return kube::Outcome::Done();
  HAWSER_RETURN_IF_ERROR(
      client_.Apply(kManifestWorks, *work, {.field_manager = kFieldManager}, call).status());
  LOG(INFO) << "cluster " << key << ": agent's manifests "
            << (existing == nullptr ? "made" : "changed");
  return kube::Outcome::Done();
}

absl::StatusOr<DeploymentConfig> AddonReconciler::ConfigOf(const Object& addon) const {
  DeploymentConfig none;
  none.install_namespace = options_.agent_namespace;
  const Object* references = kube::Find(addon, {"status", "configReferences"});
  if (references == nullptr || !references->is_array()) return none;
  const std::string wanted = kDeploymentConfigs.plural + "." + kDeploymentConfigs.group;
  for (const Object& reference : *references) {
    const ConfigId id = DesiredConfig(reference);
    if (id.resource != wanted || id.name.empty()) continue;
    const auto object = sources_.Config(id);
    if (object == nullptr) return absl::NotFoundError(id.Text() + " does not exist");
    auto config = ParseDeploymentConfig(*object);
    if (!config.ok()) return base::Annotate(config.status(), id.Text());
    return config;
  }
  return none;
}

absl::Status AddonReconciler::WriteStatus(const Object& addon, const AddonFacts& facts,
                                          const kube::Call& call) {
  const Object status = AddonStatus(
      addon, facts, [this](const ConfigId& id) { return sources_.Config(id); },
      std::chrono::system_clock::now());
  const Object* before = kube::Find(addon, {"status"});
  if (before != nullptr && *before == status) return absl::OkStatus();
  // The list of conditions is others' too, and is replaced as a whole: only if nobody has written.
  const Object patch = {{"metadata", {{"resourceVersion", kube::ResourceVersionOf(addon)}}},
                        {"status", status}};
  return client_.MergePatch(kClusterAddons.Sub("status"), kube::NameOf(addon), patch, call)
      .status();
}

absl::StatusOr<Object> AddonReconciler::Work(const Object& addon, const HubState& hub,
                                             const DeploymentConfig& config,
                                             const Object* existing) {
  const std::string cluster = kube::NameOf(addon).ns;
  HAWSER_ASSIGN_OR_RETURN(auto objects, SpokeObjects(hub,
                                                     {.cluster = cluster,
                                                      .kube_api_proxy = options_.kube_api_proxy,
                                                      .host_suffixes = options_.host_suffixes,
                                                      .replaced_link = options_.replaced_link},
                                                     config));
  std::map<std::string, std::string> annotations =
      AgentLeafAnnotations(leaves_.Latest(cluster, existing));
  annotations[kTrustAnnotation] = BundleHash(hub.server_bundle);
  if (const Object* references = kube::Find(addon, {"status", "configReferences"}))
    annotations[kConfigHashAnnotation] = ConfigHashAnnotation(*references);
  return ManifestWork(addon, annotations, std::move(objects));
}

}  // namespace hawser::addon_manager
