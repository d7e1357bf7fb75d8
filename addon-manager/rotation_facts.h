// What the rotation of an authority has to know of the world, from what there is on the hub. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "addon-manager/authorities.h"
#include "lib/kube/informer.h"

namespace hawser::addon_manager {

struct RotationSettings {
  std::chrono::seconds authority_lifetime = std::chrono::hours(24 * 365 * 10);
  std::chrono::seconds authority_renew_before = std::chrono::hours(24 * 365);
  std::chrono::seconds leaf_lifetime = std::chrono::hours(24 * 90);        // of the hub's
  std::chrono::seconds agent_leaf_lifetime = std::chrono::hours(24 * 90);  // of the agents'
  // How long pods may take to see what changed in a Secret or ConfigMap.
  std::chrono::seconds delivery = std::chrono::minutes(5);
  // How long an agent's link may go on after another one took over; hubs end it when they believe
  // its authority no more.
  std::chrono::seconds replaced_link = std::chrono::hours(1);
};

// What there is now.
struct RotationWorld {
  const kube::Object& configuration;  // with the operator's annotations
  std::vector<kube::ObjectPtr> clusters;
  std::vector<kube::ObjectPtr> works;
  std::string server_bundle;  // PEM: what agents have to trust
  // When the bundles as they are now, and leaves of the authorities that sign now, were written.
  pki::WallTime written_at;
  pki::WallTime now;
};

// What operators call a rotation: the request for it, or "scheduled".
std::string RotationName(const CaRotation& rotation);
// `member`: as of Authorities::Members().
RotationFacts FactsOf(const Authorities::Member& member, const Authorities& authorities,
                      const RotationSettings& settings, const RotationWorld& world);

}  // namespace hawser::addon_manager
