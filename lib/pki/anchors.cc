#include "lib/pki/anchors.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>

namespace hawser::pki {
namespace {

bool SentByThePeer(X509_STORE_CTX* context, const X509* certificate) {
  STACK_OF(X509)* const sent = X509_STORE_CTX_get0_untrusted(context);
  for (int i = 0; i < sk_X509_num(sent); ++i)
    if (sk_X509_value(sent, i) == certificate) return true;
  return false;
}

// OpenSSL takes the first anchor whose name and key identifier fit. Where identifiers are missing,
// only the signature tells which one of several issued the certificate.
int IsIssuedBy(X509_STORE_CTX* context, X509* certificate, X509* issuer) {
  if (X509_check_issued(issuer, certificate) != X509_V_OK) return 0;
  // Nothing is computed with keys that a stranger chose before an anchor vouches for them.
  if (SentByThePeer(context, issuer)) return 1;
  ERR_set_mark();
  const int verdict = X509_verify(certificate, X509_get0_pubkey(issuer));
  ERR_pop_to_mark();
  return verdict == 1 ? 1 : 0;
}

bool HaveOneName(const std::vector<Certificate>& authorities) {
  std::vector<const X509_NAME*> names;
  for (const Certificate& authority : authorities)
    names.push_back(X509_get_subject_name(authority.get()));
  const auto less = [](const X509_NAME* a, const X509_NAME* b) { return X509_NAME_cmp(a, b) < 0; };
  std::sort(names.begin(), names.end(), less);
  return std::adjacent_find(names.begin(), names.end(), [](const X509_NAME* a, const X509_NAME* b) {
           return X509_NAME_cmp(a, b) == 0;
         }) != names.end();
}

// What OpenSSL checks beside the extended key usage.
bool FitsOtherwise(X509* certificate, int depth) {
  if ((X509_get_extension_flags(certificate) & EXFLAG_NSCERT) != 0) return false;
  if (depth > 0) return true;  // whether it is an authority is an error of its own
  return (X509_get_key_usage(certificate) & (KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT)) != 0;
}

}  // namespace

void SetAnchors(SSL_CTX* context, const std::vector<Certificate>& authorities) {
  X509_STORE* const store = X509_STORE_new();
  SSL_CTX_set_cert_store(context, store);  // takes it over
  for (const Certificate& authority : authorities) X509_STORE_add_cert(store, authority.get());
  // It costs a signature more per certificate.
  if (HaveOneName(authorities)) X509_STORE_set_check_issued(store, &IsIssuedBy);
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
}

int AcceptAnyUsage(int ok, X509_STORE_CTX* context) {
  if (ok == 1 || X509_STORE_CTX_get_error(context) != X509_V_ERR_INVALID_PURPOSE) return ok;
  X509* const certificate = X509_STORE_CTX_get_current_cert(context);
  // All bits are set where there is no such extension, but then nothing was wrong with it.
  if ((X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) == 0) return 0;
  if ((X509_get_extended_key_usage(certificate) & XKU_ANYEKU) == 0) return 0;
  if (!FitsOtherwise(certificate, X509_STORE_CTX_get_error_depth(context))) return 0;
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

}  // namespace hawser::pki
