#include "addon-manager/test_request.h"

#include <openssl/pem.h>

#include "lib/pki/openssl_ptr.h"
#include "lib/pki/private_key.h"

namespace hawser::addon_manager {

std::string RequestPem(const Registration& registration) {
  const pki::PrivateKey key = *pki::PrivateKey::Generate();
  pki::X509ReqPtr request(X509_REQ_new());
  X509_NAME* name = X509_REQ_get_subject_name(request.get());
  // As Go does it: X.520's bound of 64 characters is not kept.
  const auto add = [name](const char* type, const std::string& value) {
    X509_NAME_add_entry_by_txt(name, type, V_ASN1_UTF8STRING,
                               reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1, 0);
  };
  for (const std::string& group : registration.groups) add("O", group);
  for (const std::string& unit : registration.organization_units) add("OU", unit);
  add("CN", registration.user);
  X509_REQ_set_pubkey(request.get(), key.get());
  X509_REQ_sign(request.get(), key.get(), EVP_sha256());
  pki::BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, size);
}

}  // namespace hawser::addon_manager
