#include "hub/client_identity.h"

#include "lib/base/status.h"
#include "lib/pki/certificate.h"
#include "lib/pki/identity.h"

namespace hawser::hub {

absl::StatusOr<PeerIdentity> ClientIdentityOf(const net::PeerInfo& peer,
                                              const std::string& trust_domain) {
  if (peer.uid) return PeerIdentity{"unix:" + std::to_string(*peer.uid)};
  const auto identity = pki::IdentityOf(peer.certificate.get());
  if (!identity.ok())
    return absl::PermissionDeniedError("client certificate: " +
                                       std::string(identity.status().message()));
  if (!identity->has_value()) return PeerIdentity{CertificateName(peer)};
  if (const auto* client = std::get_if<pki::ClientIdentity>(&**identity)) {
    if (trust_domain.empty() || client->trust_domain == trust_domain)
      return PeerIdentity{"client/" + client->name};
    return absl::PermissionDeniedError("client certificate: it is of the trust domain " +
                                       client->trust_domain + ", not of " + trust_domain);
  }
  return absl::PermissionDeniedError("client certificate: it names an agent of cluster " +
                                     std::get<pki::ClusterIdentity>(**identity).cluster);
}

std::string CertificateName(const net::PeerInfo& peer) {
  if (peer.certificate == nullptr) return "no certificate";
  return "certificate " + pki::FingerprintText(peer.certificate.get());
}

}  // namespace hawser::hub
