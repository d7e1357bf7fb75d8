// Who a client of the front ends is.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "hub/connection_limits.h"
#include "lib/net/socket.h"

namespace hawser::hub {

// "client/<name>" by its certificate, "unix:<uid>" on a Unix socket, CertificateName() for a
// certificate of the clients' CA without a name (as reference clients have). PermissionDenied for a
// certificate that names something else, or something of another trust domain than `trust_domain`
// (empty: any).
absl::StatusOr<PeerIdentity> ClientIdentityOf(const net::PeerInfo& peer,
                                              const std::string& trust_domain);

// "certificate <fingerprint>": tells peers apart whose certificates name nobody. "no certificate"
// without one.
std::string CertificateName(const net::PeerInfo& peer);

}  // namespace hawser::hub
