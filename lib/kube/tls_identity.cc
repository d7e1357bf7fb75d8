#include "lib/kube/tls_identity.h"

#include <openssl/err.h>

#include "lib/base/status.h"
#include "lib/pki/anchors.h"
#include "lib/pki/certificate.h"
#include "lib/pki/private_key.h"

namespace hawser::kube {
namespace {

absl::Status SetAuthorities(SSL_CTX* context, const Config& config) {
  if (config.authorities == nullptr) {
    SSL_CTX_set_cert_store(context, X509_STORE_new());  // takes it over
    SSL_CTX_set_default_verify_paths(context);
    return absl::OkStatus();
  }
  HAWSER_ASSIGN_OR_RETURN(const std::string pem, config.authorities->Read());
  auto all = pki::Certificate::AllFromPem(pem);
  if (!all.ok()) return base::Annotate(all.status(), "certificate-authority");
  pki::SetAnchors(context, *all);
  return absl::OkStatus();
}

}  // namespace

absl::Status SetUpTlsIdentity(SSL_CTX* context, const Config& config,
                              const Credential& credential) {
  HAWSER_RETURN_IF_ERROR(SetAuthorities(context, config));
  if (credential.certificate_pem.empty()) return absl::OkStatus();
  auto chain = pki::Certificate::AllFromPem(credential.certificate_pem);
  if (!chain.ok()) return base::Annotate(chain.status(), "client-certificate");
  auto key = pki::PrivateKey::FromPem(credential.key_pem);
  if (!key.ok()) return base::Annotate(key.status(), "client-key");
  bool fits = SSL_CTX_use_certificate(context, chain->front().get()) == 1 &&
              SSL_CTX_use_PrivateKey(context, key->get()) == 1;
  for (size_t i = 1; fits && i < chain->size(); ++i)
    fits = SSL_CTX_add1_chain_cert(context, (*chain)[i].get()) == 1;
  ERR_clear_error();
  return fits ? absl::OkStatus() : absl::InvalidArgumentError("client-key: not the certificate's");
}

}  // namespace hawser::kube
