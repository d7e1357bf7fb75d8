#include "addon-manager/authorities.h"

#include <utility>

#include "lib/base/status.h"
#include "lib/pki/digest.h"

namespace hawser::addon_manager {

namespace {

absl::StatusOr<Authorities> ProvidedAuthorities(const std::map<std::string, std::string>& data) {
  Authorities authorities;
  authorities.provided = true;
  for (const auto& [name, rotation] : Authorities::Members()) {
    CaRotation::Pair& pair = (authorities.*rotation).active;
    for (const auto& [ending, text] : {std::pair(".crt", &pair.certificate), {".key", &pair.key}}) {
      const auto found = data.find(name + std::string(ending));
      if (found == data.end())
        return absl::InvalidArgumentError(std::string("there is no ") + name + ending);
      *text = found->second;
    }
    if (const auto signer = Signer(authorities.*rotation); !signer.ok())
      return base::Annotate(signer.status(), name);
  }
  return authorities;
}

}  // namespace

const std::array<Authorities::Member, 3>& Authorities::Members() {
  static constexpr std::array<Member, 3> kMembers = {{{"agents", &Authorities::agents},
                                                      {"clients", &Authorities::clients},
                                                      {"servers", &Authorities::servers}}};
  return kMembers;
}

TrustBundles Authorities::Bundles() const {
  return {agents.Bundle(), clients.Bundle(), servers.Bundle()};
}

absl::StatusOr<CaRotation::Pair> MakeAuthority(const std::string& name,
                                               std::chrono::seconds lifetime) {
  HAWSER_ASSIGN_OR_RETURN(const pki::Authority made,
                          pki::Authority::Create("cluster-proxy " + name, lifetime));
  return CaRotation::Pair{made.certificate().ToPem(), made.key().ToPem()};
}

absl::StatusOr<Authorities> MakeAuthorities(std::chrono::seconds lifetime, pki::WallTime now) {
  Authorities authorities;
  for (const auto& [name, rotation] : Authorities::Members()) {
    HAWSER_ASSIGN_OR_RETURN((authorities.*rotation).active, MakeAuthority(name, lifetime));
    (authorities.*rotation).since = now;
  }
  return authorities;
}

absl::StatusOr<pki::Authority> Signer(const CaRotation& rotation) {
  return pki::Authority::FromPem(rotation.active.certificate, rotation.active.key);
}

std::string AuthorityHash(const std::string& certificates_pem) {
  const auto first = pki::Certificate::FromPem(certificates_pem);
  return BundleHash(first.ok() ? first->ToPem() : certificates_pem);
}

std::string BundleHash(const std::string& certificates_pem) {
  return pki::Sha256Hex(certificates_pem).substr(0, 16);
}

std::map<std::string, std::string> ToSecretData(const Authorities& authorities) {
  std::map<std::string, std::string> data;
  for (const auto& [name, rotation] : Authorities::Members())
    for (auto& [key, value] : ToSecretData(authorities.*rotation))
      data.emplace(std::string(name) + "." + key, value);
  return data;
}

absl::StatusOr<Authorities> AuthoritiesFromSecretData(
    const std::map<std::string, std::string>& data) {
  if (data.contains("agents.crt")) return ProvidedAuthorities(data);
  Authorities authorities;
  for (const auto& [name, rotation] : Authorities::Members()) {
    const std::string prefix = std::string(name) + ".";
    std::map<std::string, std::string> own;
    for (const auto& [key, value] : data)
      if (key.starts_with(prefix)) own.emplace(key.substr(prefix.size()), value);
    auto parsed = FromSecretData(own);
    if (!parsed.ok()) return base::Annotate(parsed.status(), name);
    authorities.*rotation = *std::move(parsed);
  }
  return authorities;
}

}  // namespace hawser::addon_manager
