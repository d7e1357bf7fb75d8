#include "addon-manager/rotation_facts.h"

#include <algorithm>
#include <set>

#include "addon-manager/agent_leaves.h"
#include "addon-manager/names.h"
#include "lib/kube/conditions.h"

namespace hawser::addon_manager {
namespace {

using kube::StringAt;

constexpr char kScheduled[] = "scheduled";

std::set<std::string> ReachableClusters(const RotationWorld& world) {
  std::set<std::string> names;
  for (const kube::ObjectPtr& cluster : world.clusters)
    if (kube::IsConditionTrue(*cluster, "ManagedClusterConditionAvailable"))
      names.insert(kube::NameOf(*cluster).name);
  return names;
}

// A cluster that cannot be reached gets its ManifestWork before its agent can be connected again.
bool HasReachedSpokes(const RotationWorld& world) {
  const std::set<std::string> reachable = ReachableClusters(world);
  return std::all_of(world.works.begin(), world.works.end(), [&](const kube::ObjectPtr& work) {
    if (!reachable.contains(kube::NameOf(*work).ns)) return true;
    const kube::Object* applied = kube::FindCondition(*work, "Applied");
    return applied != nullptr && kube::IsConditionTrue(*work, "Applied") &&
           StringAt(*work, {"metadata", "annotations", kTrustAnnotation}) ==
               BundleHash(world.server_bundle) &&
           kube::IntAt(*applied, {"observedGeneration"}, 0) ==
               kube::IntAt(*work, {"metadata", "generation"}, -1);
  });
}

// Whether an agent may still use a certificate of another authority than the one that signs.
bool AnyAgentIsBehind(const CaRotation& rotation, const RotationSettings& settings,
                      const RotationWorld& world) {
  if (world.now >= rotation.since + settings.agent_leaf_lifetime) return false;
  const std::string active = AuthorityHash(rotation.active.certificate);
  const std::chrono::seconds in_use = settings.delivery + settings.replaced_link;
  return std::any_of(world.works.begin(), world.works.end(), [&](const kube::ObjectPtr& work) {
    const auto leaf = AgentLeafOf(work.get());
    return leaf && (leaf->authority != active || world.now < leaf->signed_at + in_use);
  });
}

}  // namespace

std::string RotationName(const CaRotation& rotation) {
  return rotation.request.empty() ? kScheduled : rotation.request;
}

RotationFacts FactsOf(const Authorities::Member& member, const Authorities& authorities,
                      const RotationSettings& settings, const RotationWorld& world) {
  const CaRotation& rotation = authorities.*member.rotation;
  const bool settled = world.now >= std::max(rotation.since, world.written_at) + settings.delivery;
  RotationFacts facts;
  const std::string unwanted =
      StringAt(world.configuration, {"metadata", "annotations", kRollBackAnnotation});
  // Or it would begin anew as soon as it is rolled back.
  if (unwanted != kScheduled) facts.renew_before = settings.authority_renew_before;
  facts.request = StringAt(world.configuration, {"metadata", "annotations", kRotateAnnotation});
  facts.roll_back =
      rotation.phase != CaRotation::Phase::kStable && unwanted == RotationName(rotation);
  facts.bundle_delivered = settled;
  if (member.rotation == &Authorities::servers) {
    facts.bundle_delivered = settled && HasReachedSpokes(world);
    facts.other_leaves_alive = !settled;  // they are used by our own pods only
  } else if (member.rotation == &Authorities::agents) {
    facts.other_leaves_alive = !settled || AnyAgentIsBehind(rotation, settings, world);
  } else {
    // Nobody knows where hub clients keep theirs.
    facts.other_leaves_alive = !settled || world.now < rotation.since + settings.leaf_lifetime;
  }
  return facts;
}

}  // namespace hawser::addon_manager
