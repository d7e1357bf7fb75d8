#include "lib/pki/private_key.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>

#include "lib/base/status.h"
#include "lib/pki/pem_file.h"

namespace hawser::pki {

absl::StatusOr<PrivateKey> PrivateKey::Generate() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return absl::InternalError("generate key: openssl failed");
  return PrivateKey(std::move(key));
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(const std::string& pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // An empty password instead of a prompt on the terminal.
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, const_cast<char*>("")));
  ERR_clear_error();
  if (key == nullptr) return absl::InvalidArgumentError("parse key: not a private key in PEM");
  return PrivateKey(std::move(key));
}

absl::StatusOr<PrivateKey> PrivateKey::Load(const std::string& path) {
  HAWSER_RETURN_IF_ERROR(CheckKeyFilePermissions(path));
  HAWSER_ASSIGN_OR_RETURN(const std::string pem, ReadPemFile(path));
  auto key = FromPem(pem);
  if (!key.ok()) return base::Annotate(key.status(), path);
  return key;
}

std::string PrivateKey::ToPem() const {
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::Status PrivateKey::Save(const std::string& path) const {
  return WritePemFile(path, ToPem(), kPrivateFile);
}

}  // namespace hawser::pki
