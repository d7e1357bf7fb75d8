// The key exchange of every TLS context, whoever makes it.
#pragma once

#include <openssl/ssl.h>

namespace hawser::pki {

// Leaves X25519, P-256 and P-384, for servers and for clients. OpenSSL's defaults include
// finite-field groups that a stranger's first message makes a server compute for a tenth of a
// second (CVE-2002-20001). Called on each SSL_CTX before its first connection.
void RestrictKeyExchange(SSL_CTX* context);

}  // namespace hawser::pki
