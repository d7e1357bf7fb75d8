// Who both ends of a TLS connection to an API server are: its authorities, our certificate.
#pragma once

#include <openssl/ssl.h>

#include "absl/status/status.h"
#include "lib/kube/config.h"

namespace hawser::kube {

// For a client's context that nobody uses yet. What it trusted before, it trusts no more. Reads the
// authorities now. kInvalidArgument for a certificate or key that cannot be used.
absl::Status SetUpTlsIdentity(SSL_CTX* context, const Config& config, const Credential& credential);

}  // namespace hawser::kube
