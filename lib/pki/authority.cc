#include "lib/pki/authority.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/err.h>

#include <algorithm>
#include <utility>

#include "lib/base/quote.h"
#include "lib/base/status.h"

namespace hawser::pki {
namespace {

constexpr size_t kMaxAttribute = 64;  // X.520's upper bound
constexpr size_t kMaxName = 1024;
constexpr std::chrono::seconds kMaxValidity = std::chrono::years(100);

absl::Status Failed(const std::string& what) {
  ERR_clear_error();
  return absl::InvalidArgumentError("issue certificate: " + what);
}

// Appends one attribute to the subject: `type` is "CN", "O" or "OU", `what` its name for people.
absl::Status AddToSubject(X509* certificate, const char* type, const std::string& what,
                          const std::string& value) {
  if (value.empty() || value.size() > kMaxAttribute)
    return Failed(what + " " + base::Quote(value) + " is empty or longer than 64 bytes");
  if (std::any_of(value.begin(), value.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }))
    return Failed(what + " " + base::Quote(value) + " has control characters");
  X509_NAME* name = X509_get_subject_name(certificate);
  if (X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(value.data()),
                                 static_cast<int>(value.size()), -1, 0) != 1)
    return Failed(what + " " + base::Quote(value) + " is not UTF-8");
  return absl::OkStatus();
}

absl::Status SetSerial(X509* certificate) {
  BignumPtr number(BN_new());
  if (BN_rand(number.get(), 128, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1)
    return Failed("no random numbers");
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
  return absl::OkStatus();
}

absl::Status CheckValidity(std::chrono::seconds validity) {
  if (validity > std::chrono::seconds::zero() && validity <= kMaxValidity) return absl::OkStatus();
  return Failed("validity is not between a second and a hundred years");
}

void SetLife(X509* certificate, WallTime begin, WallTime end) {
  ASN1_TIME_set(X509_getm_notBefore(certificate), std::chrono::system_clock::to_time_t(begin));
  ASN1_TIME_set(X509_getm_notAfter(certificate), std::chrono::system_clock::to_time_t(end));
}

// Only with constant values: OpenSSL's text form has a syntax of its own.
absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1)
    return Failed(std::string("extension ") + OBJ_nid2sn(nid));
  return absl::OkStatus();
}

void AddName(GENERAL_NAMES* names, int type, const void* bytes, size_t size) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_STRING* value = type == GEN_IPADD ? static_cast<ASN1_STRING*>(ASN1_OCTET_STRING_new())
                                         : static_cast<ASN1_STRING*>(ASN1_IA5STRING_new());
  ASN1_STRING_set(value, bytes, static_cast<int>(size));
  GENERAL_NAME_set0_value(name, type, value);
  sk_GENERAL_NAME_push(names, name);
}

bool IsNameText(const std::string& text) {
  return !text.empty() && text.size() <= kMaxName &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

absl::Status AddAlternativeNames(X509* certificate, const LeafSpec& spec) {
  GeneralNamesPtr names(GENERAL_NAMES_new());
  if (!spec.uri.empty()) {
    if (!IsNameText(spec.uri)) return Failed("bad uri " + base::Quote(spec.uri));
    AddName(names.get(), GEN_URI, spec.uri.data(), spec.uri.size());
  }
  for (const std::string& dns : spec.dns_names) {
    if (!IsNameText(dns)) return Failed("bad dns name " + base::Quote(dns));
    AddName(names.get(), GEN_DNS, dns.data(), dns.size());
  }
  for (const std::string& ip : spec.ip_addresses) {
    unsigned char bytes[16];
    const bool v4 = ::inet_pton(AF_INET, ip.c_str(), bytes) == 1;
    const bool v6 = ::inet_pton(AF_INET6, ip.c_str(), bytes) == 1;
    if (!IsNameText(ip) || !(v4 || v6)) return Failed("bad ip address " + base::Quote(ip));
    AddName(names.get(), GEN_IPADD, bytes, v4 ? 4 : 16);
  }
  if (sk_GENERAL_NAME_num(names.get()) == 0) return absl::OkStatus();
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) != 1)
    return Failed("alternative names");
  return absl::OkStatus();
}

absl::StatusOr<X509Ptr> NewCertificate(const LeafSpec& spec, EVP_PKEY* public_key) {
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  HAWSER_RETURN_IF_ERROR(SetSerial(certificate.get()));
  for (const std::string& organization : spec.organizations)
    HAWSER_RETURN_IF_ERROR(AddToSubject(certificate.get(), "O", "organization", organization));
  for (const std::string& unit : spec.organizational_units)
    HAWSER_RETURN_IF_ERROR(AddToSubject(certificate.get(), "OU", "organizational unit", unit));
  HAWSER_RETURN_IF_ERROR(AddToSubject(certificate.get(), "CN", "common name", spec.common_name));
  if (X509_set_pubkey(certificate.get(), public_key) != 1) return Failed("public key");
  return certificate;
}

absl::Status Sign(X509* certificate, EVP_PKEY* key) {
  return X509_sign(certificate, key, EVP_sha256()) > 0 ? absl::OkStatus() : Failed("signature");
}

}  // namespace

absl::StatusOr<Authority> Authority::Create(const std::string& common_name,
                                            std::chrono::seconds validity) {
  HAWSER_RETURN_IF_ERROR(CheckValidity(validity));
  HAWSER_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::Generate());
  HAWSER_ASSIGN_OR_RETURN(X509Ptr certificate,
                          NewCertificate({.common_name = common_name}, key.get()));
  X509* const x509 = certificate.get();
  const WallTime now = std::chrono::system_clock::now();
  SetLife(x509, now - kClockSkew, now + validity);
  X509_set_issuer_name(x509, X509_get_subject_name(x509));
  HAWSER_RETURN_IF_ERROR(
      AddExtension(x509, x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  HAWSER_RETURN_IF_ERROR(AddExtension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign"));
  HAWSER_RETURN_IF_ERROR(AddExtension(x509, x509, NID_subject_key_identifier, "hash"));
  HAWSER_RETURN_IF_ERROR(Sign(x509, key.get()));
  return Authority(Certificate(std::move(certificate)), std::move(key));
}

absl::StatusOr<Authority> Authority::Make(Certificate certificate, PrivateKey key) {
  if (!certificate.is_ca()) return absl::InvalidArgumentError("not a ca certificate");
  const bool fits = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!fits) return absl::InvalidArgumentError("the key is not the certificate's");
  return Authority(std::move(certificate), std::move(key));
}

absl::StatusOr<Authority> Authority::FromPem(const std::string& certificate,
                                             const std::string& key) {
  HAWSER_ASSIGN_OR_RETURN(Certificate parsed, Certificate::FromPem(certificate));
  HAWSER_ASSIGN_OR_RETURN(PrivateKey parsed_key, PrivateKey::FromPem(key));
  return Make(std::move(parsed), std::move(parsed_key));
}

absl::StatusOr<Authority> Authority::Load(const std::string& certificate_path,
                                          const std::string& key_path) {
  HAWSER_ASSIGN_OR_RETURN(Certificate certificate, Certificate::Load(certificate_path));
  HAWSER_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::Load(key_path));
  auto authority = Make(std::move(certificate), std::move(key));
  if (authority.ok()) return authority;
  return base::Annotate(authority.status(), "load ca " + certificate_path + ", " + key_path);
}

absl::StatusOr<Certificate> Authority::Issue(const LeafSpec& spec, EVP_PKEY* public_key) const {
  HAWSER_RETURN_IF_ERROR(CheckValidity(spec.validity));
  if (!spec.server && !spec.client) return Failed("neither for a server nor for a client");
  const WallTime now = std::chrono::system_clock::now();
  if (certificate_.not_after() <= now)
    return absl::FailedPreconditionError("issue certificate: ca " + certificate_.common_name() +
                                         " has expired");
  HAWSER_ASSIGN_OR_RETURN(X509Ptr certificate, NewCertificate(spec, public_key));
  X509* const x509 = certificate.get();
  X509* const issuer = certificate_.get();
  const WallTime begin = spec.not_before.value_or(now - kClockSkew);
  const WallTime end =
      std::min(spec.not_before.value_or(now) + spec.validity, certificate_.not_after());
  if (end <= begin) return Failed("its validity begins after that of the ca ends");
  SetLife(x509, begin, end);
  X509_set_issuer_name(x509, X509_get_subject_name(issuer));
  HAWSER_RETURN_IF_ERROR(AddExtension(x509, issuer, NID_basic_constraints, "critical,CA:FALSE"));
  HAWSER_RETURN_IF_ERROR(AddExtension(x509, issuer, NID_key_usage, "critical,digitalSignature"));
  const char* usages = spec.server && spec.client ? "serverAuth,clientAuth"
                       : spec.server              ? "serverAuth"
                                                  : "clientAuth";
  HAWSER_RETURN_IF_ERROR(AddExtension(x509, issuer, NID_ext_key_usage, usages));
  HAWSER_RETURN_IF_ERROR(AddExtension(x509, issuer, NID_subject_key_identifier, "hash"));
  HAWSER_RETURN_IF_ERROR(AddExtension(x509, issuer, NID_authority_key_identifier, "keyid:always"));
  HAWSER_RETURN_IF_ERROR(AddAlternativeNames(x509, spec));
  HAWSER_RETURN_IF_ERROR(Sign(x509, key_.get()));
  return Certificate(std::move(certificate));
}

}  // namespace hawser::pki
