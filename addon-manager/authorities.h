// The three certificate authorities of an installation, one per trust domain, and the Secret that
// keeps them. Only the addon-manager can read it; everybody else gets bundles.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "addon-manager/ca_rotation.h"
#include "addon-manager/hub_objects.h"
#include "lib/pki/authority.h"

namespace hawser::addon_manager {

struct Authorities {
  CaRotation agents;   // signs agents' certificates
  CaRotation clients;  // signs hub clients' certificates
  CaRotation servers;  // signs the hub's
  // The operator's own: used as they are, and never rotated.
  bool provided = false;

  struct Member {
    const char* name;  // "agents", "clients", "servers"
    CaRotation Authorities::*rotation;
  };
  static const std::array<Member, 3>& Members();

  TrustBundles Bundles() const;
  bool operator==(const Authorities&) const = default;
};

// A new authority: `name` as of Members().
absl::StatusOr<CaRotation::Pair> MakeAuthority(const std::string& name,
                                               std::chrono::seconds lifetime);
// All of them, stable.
absl::StatusOr<Authorities> MakeAuthorities(std::chrono::seconds lifetime, pki::WallTime now);

// The one that signs.
absl::StatusOr<pki::Authority> Signer(const CaRotation& rotation);
// Short, and different for each authority: of the first certificate, which is the one that signs.
std::string AuthorityHash(const std::string& certificates_pem);
// The same for a whole bundle.
std::string BundleHash(const std::string& certificates_pem);

// As the data of the Secret, and back. kInvalidArgument naming the key that is missing or
// malformed. An operator's own Secret has agents.crt, agents.key and so on, where certificates that
// follow the first one are trusted, too.
std::map<std::string, std::string> ToSecretData(const Authorities& authorities);
absl::StatusOr<Authorities> AuthoritiesFromSecretData(
    const std::map<std::string, std::string>& data);

}  // namespace hawser::addon_manager
