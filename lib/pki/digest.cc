#include "lib/pki/digest.h"

#include <openssl/sha.h>

#include "absl/strings/escaping.h"

namespace hawser::pki {

std::string Sha256(const std::string& text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string Sha256Hex(const std::string& text) { return absl::BytesToHexString(Sha256(text)); }

}  // namespace hawser::pki
