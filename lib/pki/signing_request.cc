#include "lib/pki/signing_request.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <utility>

#include "lib/base/quote.h"

namespace hawser::pki {
namespace {

constexpr int kMinSecurityBits = 112;  // P-256 has 128, RSA-2048 has 112

}  // namespace

absl::StatusOr<SigningRequest> SigningRequest::Create(const PrivateKey& key,
                                                      const std::string& common_name) {
  X509ReqPtr request(X509_REQ_new());
  X509_NAME* name = X509_REQ_get_subject_name(request.get());
  const bool made =
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) == 1 &&
      X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0;
  ERR_clear_error();
  if (!made)
    return absl::InvalidArgumentError("create signing request for " + base::Quote(common_name));
  return SigningRequest(std::move(request));
}

absl::StatusOr<SigningRequest> SigningRequest::FromPem(const std::string& pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509ReqPtr request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, const_cast<char*>("")));
  ERR_clear_error();
  if (request == nullptr)
    return absl::InvalidArgumentError("parse signing request: not a request in PEM");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr) return absl::InvalidArgumentError("parse signing request: no public key");
  if (EVP_PKEY_get_security_bits(key) < kMinSecurityBits)
    return absl::InvalidArgumentError("parse signing request: the key is too weak");
  const bool signed_by_key = X509_REQ_verify(request.get(), key) == 1;
  ERR_clear_error();
  if (!signed_by_key)
    return absl::InvalidArgumentError("parse signing request: the signature is not its key's");
  return SigningRequest(std::move(request));
}

RequestedSubject SigningRequest::subject() const {
  RequestedSubject subject;
  const X509_NAME* name = X509_REQ_get_subject_name(request_.get());
  size_t common_names = 0;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    const std::string value(reinterpret_cast<const char*>(utf8), std::max(size, 0));
    OPENSSL_free(utf8);
    switch (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry))) {
      case NID_commonName: subject.common_name = ++common_names == 1 ? value : ""; break;
      case NID_organizationName: subject.organizations.push_back(value); break;
      case NID_organizationalUnitName: subject.organizational_units.push_back(value); break;
      default: subject.other_attributes = true;
    }
  }
  ERR_clear_error();
  return subject;
}

std::string SigningRequest::ToPem() const {
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request_.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace hawser::pki
