#include "lib/net/tls_verify.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <memory>
#include <string>

namespace hawser::net {

absl::Status VerifyPeer(const TlsContext& context, const PeerInfo& peer) {
  if (peer.certificate == nullptr || SSL_CTX_get_verify_mode(context.get()) == SSL_VERIFY_NONE)
    return absl::OkStatus();
  const std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> verification(
      X509_STORE_CTX_new(), X509_STORE_CTX_free);
  if (verification == nullptr ||
      X509_STORE_CTX_init(verification.get(), SSL_CTX_get_cert_store(context.get()),
                          peer.certificate.get(), peer.chain.get()) != 1 ||
      X509_STORE_CTX_set_default(verification.get(), "ssl_client") != 1) {
    ERR_clear_error();
    return absl::ResourceExhaustedError("verify certificate: out of memory");
  }
  // As a handshake does it: with the context's own rules (lib/pki/anchors.h).
  X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(verification.get()),
                         SSL_CTX_get0_param(context.get()));
  X509_STORE_CTX_set_verify_cb(verification.get(), SSL_CTX_get_verify_callback(context.get()));
  const bool good = X509_verify_cert(verification.get()) == 1;
  const int verdict = X509_STORE_CTX_get_error(verification.get());
  ERR_clear_error();
  if (good) return absl::OkStatus();
  return absl::UnauthenticatedError(std::string("certificate verify failed (") +
                                    X509_verify_cert_error_string(verdict) + ")");
}

}  // namespace hawser::net
