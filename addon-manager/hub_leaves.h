// The Secrets with the hub's own certificates: issued, and issued again in time. A Secret that is
// there without our label belongs to the operator, and stays as it is.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "addon-manager/authorities.h"
#include "addon-manager/leaf.h"
#include "lib/kube/client.h"

namespace hawser::addon_manager {

struct HubLeaf {
  std::string secret;
  std::string condition;  // "ProxyServerSecretSigned"
  const CaRotation* authority;
  LeafProfile profile;
};

struct LeafOutcome {
  pki::WallTime expires;
  pki::WallTime renewal;  // time to look again; far away for an operator's own
  std::string authority;  // PEM: the operator's own ca.crt, empty for ours
};

// `owner`: for ownerReferences.
absl::StatusOr<LeafOutcome> EnsureLeaf(kube::Client& client, const std::string& ns,
                                       const kube::Object& owner, const HubLeaf& leaf,
                                       std::chrono::seconds lifetime, pki::WallTime now,
                                       const kube::Call& call);

}  // namespace hawser::addon_manager
