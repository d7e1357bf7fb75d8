// The hub's own certificates: what each must be, and when it is due for another. Pure but for the
// random numbers of new keys.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/pki/authority.h"

namespace hawser::addon_manager {

// What a certificate on the hub is for.
struct LeafProfile {
  std::string common_name;
  std::vector<std::string> names;  // "dns:...", "ip:...", "uri:...", sorted
  bool server = false;             // or a client's
};

// What a Secret of type kubernetes.io/tls holds.
struct Leaf {
  std::string certificate;  // PEM
  std::string key;          // PEM; a secret
};

// Why another one has to be issued; empty when it need not be. It is time for that at
// two thirds of its life.
std::string WhyDue(const Leaf& leaf, const LeafProfile& profile, const pki::Certificate& issuer,
                   pki::WallTime now);
// When that time comes. kInvalidArgument when the certificate cannot be read.
absl::StatusOr<pki::WallTime> RenewalTime(const std::string& certificate);

absl::StatusOr<Leaf> IssueLeaf(const pki::Authority& authority, const LeafProfile& profile,
                               std::chrono::seconds lifetime);

}  // namespace hawser::addon_manager
