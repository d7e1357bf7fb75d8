#include "lib/pki/certificate.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "absl/strings/escaping.h"
#include "lib/base/status.h"
#include "lib/pki/pem_file.h"

namespace hawser::pki {
namespace {

// As far as the system clock reaches, the year 2262: "never expires" is written as 9999. A time
// that cannot be read is long past.
WallTime ToWallTime(const ASN1_TIME* time) {
  using std::chrono::seconds;
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return WallTime();
  const seconds last = std::chrono::floor<seconds>(WallTime::max().time_since_epoch());
  return WallTime(std::clamp(seconds(::timegm(&parts)), seconds::zero(), last));
}

// Bytes that somebody else chose, fit for a terminal.
std::string Printable(const std::string& text) { return absl::Utf8SafeCHexEscape(text); }

std::string CommonName(const X509_NAME* name) {
  char text[256] = "";
  const int size =
      X509_NAME_get_text_by_NID(const_cast<X509_NAME*>(name), NID_commonName, text, sizeof text);
  return size > 0 ? Printable(std::string(text, static_cast<size_t>(size))) : "";
}

std::string Text(const ASN1_STRING* string) {
  return Printable(std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                               static_cast<size_t>(ASN1_STRING_length(string))));
}

std::string AddressText(const ASN1_OCTET_STRING* address) {
  char text[INET6_ADDRSTRLEN] = "?";
  const int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET || ASN1_STRING_length(address) == 16)
    ::inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof text);
  return text;
}

X509Ptr ReadNext(BIO* bio) {
  return X509Ptr(PEM_read_bio_X509(bio, nullptr, nullptr, const_cast<char*>("")));
}

absl::StatusOr<std::vector<Certificate>> AllOf(const std::string& pem, const std::string& what) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<Certificate> all;
  ERR_clear_error();
  while (X509Ptr certificate = ReadNext(bio.get())) all.emplace_back(std::move(certificate));
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end)
    return absl::InvalidArgumentError(what + ": certificate " + std::to_string(all.size() + 1) +
                                      " is damaged");
  if (all.empty()) return absl::InvalidArgumentError(what + ": no certificate in PEM");
  return all;
}

}  // namespace

absl::StatusOr<Certificate> Certificate::FromPem(const std::string& pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Ptr certificate = ReadNext(bio.get());
  ERR_clear_error();
  if (certificate == nullptr)
    return absl::InvalidArgumentError("parse certificate: not a certificate in PEM");
  return Certificate(std::move(certificate));
}

absl::StatusOr<Certificate> Certificate::Load(const std::string& path) {
  HAWSER_ASSIGN_OR_RETURN(auto all, LoadAll(path));
  return std::move(all.front());
}

absl::StatusOr<std::vector<Certificate>> Certificate::LoadAll(const std::string& path) {
  HAWSER_ASSIGN_OR_RETURN(const std::string pem, ReadPemFile(path));
  return AllOf(pem, "parse certificate " + path);
}

absl::StatusOr<std::vector<Certificate>> Certificate::AllFromPem(const std::string& pem) {
  return AllOf(pem, "parse certificate");
}

std::string Certificate::ToPem() const {
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate_.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string Certificate::common_name() const {
  return CommonName(X509_get_subject_name(certificate_.get()));
}

std::string Certificate::issuer_common_name() const {
  return CommonName(X509_get_issuer_name(certificate_.get()));
}

std::string Certificate::serial() const { return SerialText(certificate_.get()); }

std::string Certificate::fingerprint() const { return FingerprintText(certificate_.get()); }

WallTime Certificate::not_before() const {
  return ToWallTime(X509_get0_notBefore(certificate_.get()));
}

WallTime Certificate::not_after() const { return NotAfter(certificate_.get()); }

bool Certificate::is_ca() const { return X509_check_ca(certificate_.get()) == 1; }

std::vector<std::string> Certificate::alternative_names() const {
  GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate_.get(), NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> result;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) result.push_back("dns:" + Text(name->d.dNSName));
    if (name->type == GEN_URI) result.push_back("uri:" + Text(name->d.uniformResourceIdentifier));
    if (name->type == GEN_IPADD) result.push_back("ip:" + AddressText(name->d.iPAddress));
  }
  return result;
}

std::vector<std::string> Certificate::usages() const {
  const uint32_t flags = X509_get_extended_key_usage(certificate_.get());
  std::vector<std::string> result;
  if (flags == UINT32_MAX) return result;  // no such extension
  if ((flags & XKU_SSL_SERVER) != 0) result.push_back("server");
  if ((flags & XKU_SSL_CLIENT) != 0) result.push_back("client");
  return result;
}

bool Certificate::IsSignedBy(const Certificate& issuer) const {
  const bool valid = X509_verify(certificate_.get(), X509_get0_pubkey(issuer.get())) == 1;
  ERR_clear_error();
  return valid;
}

std::string SerialText(const X509* certificate) {
  BignumPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  char* hex = BN_bn2hex(number.get());
  std::string text(hex);
  OPENSSL_free(hex);
  return text;
}

std::string FingerprintText(const X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1) size = 0;
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

WallTime NotAfter(const X509* certificate) { return ToWallTime(X509_get0_notAfter(certificate)); }

std::chrono::seconds TimeLeft(const X509* certificate, WallTime now) {
  return std::chrono::duration_cast<std::chrono::seconds>(NotAfter(certificate) - now);
}

}  // namespace hawser::pki
