// A private key: ECDSA P-256 when made here. Its text never reaches a log or an error.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lib/pki/openssl_ptr.h"

namespace hawser::pki {

class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Generate();
  static absl::StatusOr<PrivateKey> FromPem(const std::string& pem);
  // Refuses a file that group or others may access.
  static absl::StatusOr<PrivateKey> Load(const std::string& path);

  // PKCS#8, not encrypted.
  std::string ToPem() const;
  // Mode 0600.
  absl::Status Save(const std::string& path) const;
  EVP_PKEY* get() const { return key_.get(); }

 private:
  explicit PrivateKey(KeyPtr key) : key_(std::move(key)) {}
  KeyPtr key_;
};

}  // namespace hawser::pki
