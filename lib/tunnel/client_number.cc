#include "lib/tunnel/client_number.h"

#include <openssl/sha.h>

#include <array>

namespace hawser::tunnel {

uint64_t ClientNumber(std::string_view client) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(client.data()), client.size(), digest.data());
  uint64_t number = 0;
  for (size_t i = 0; i < sizeof number; ++i) number = number << 8 | digest[i];
  return number | 1;
}

}  // namespace hawser::tunnel
