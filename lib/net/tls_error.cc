#include "lib/net/tls_error.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cctype>

namespace hawser::net {
namespace {

// The alert of the peer that an error stands for, -1 for an error that was found here.
int AlertOf(unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  const bool is_alert = ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
                        reason <= SSL_AD_REASON_OFFSET + 255;
  return is_alert ? reason - SSL_AD_REASON_OFFSET : -1;
}

std::string AlertText(int alert) {
  if (alert == SSL_AD_CERTIFICATE_REQUIRED) return "certificate required";
  if (alert == SSL_AD_NO_APPLICATION_PROTOCOL) return "no application protocol";
  std::string text = SSL_alert_desc_string_long(alert);
  if (text == "unknown") return "alert " + std::to_string(alert);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string Reason(unsigned long error) {
  if (error == 0) return "unknown tls error";
  if (const int alert = AlertOf(error); alert >= 0)
    return "refused by the peer: " + AlertText(alert);
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "error " + std::to_string(error);
}

bool AboutCertificates(unsigned long error) {
  switch (AlertOf(error)) {
    case -1: break;
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED: return true;
    default: return false;
  }
  const int reason = ERR_GET_REASON(error);
  return ERR_GET_LIB(error) == ERR_LIB_SSL && (reason == SSL_R_CERTIFICATE_VERIFY_FAILED ||
                                               reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
}

}  // namespace

std::string TakeTlsReason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  return Reason(error);
}

absl::Status TakeTlsError(const std::string& what) {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  return absl::Status(AboutCertificates(error) ? absl::StatusCode::kUnauthenticated
                                               : absl::StatusCode::kUnavailable,
                      what + ": " + Reason(error));
}

}  // namespace hawser::net
