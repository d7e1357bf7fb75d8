// Which certificates of peers are accepted, on every TLS context with authorities of its own.
//
//   HAWSER_ASSIGN_OR_RETURN(auto authorities, Certificate::LoadAll(path));
//   pki::SetAnchors(context, authorities);
//   SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &pki::AcceptAnyUsage);
//
// The rules are those of Go's crypto/x509, by which other programs read the same files.
#pragma once

#include <openssl/ssl.h>

#include <vector>

#include "lib/pki/certificate.h"

namespace hawser::pki {

// Replaces what the context trusted. Each certificate ends a chain, self-signed or not; one that is
// no authority vouches for itself alone. Where several have one name, each is tried.
void SetAnchors(SSL_CTX* context, const std::vector<Certificate>& authorities);

// A verification callback of OpenSSL's: as without one, but anyExtendedKeyUsage covers the use as a
// client and as a server (RFC 5280, 4.2.1.12).
int AcceptAnyUsage(int ok, X509_STORE_CTX* context);

}  // namespace hawser::pki
