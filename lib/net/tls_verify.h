// Whether a peer that was let in would still be let in.
#pragma once

#include "absl/status/status.h"
#include "lib/net/socket.h"
#include "lib/net/tls_context.h"

namespace hawser::net {

// Verifies the certificate that a server's peer has shown against what `context` believes now.
// Unauthenticated, with the reason, when it is not believed. A peer without a certificate, or a
// context that asks for none, has nothing to verify. Threads: any.
absl::Status VerifyPeer(const TlsContext& context, const PeerInfo& peer);

}  // namespace hawser::net
