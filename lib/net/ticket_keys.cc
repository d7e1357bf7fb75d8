#include "lib/net/ticket_keys.h"

#include <glog/logging.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstddef>
#include <span>

#include "absl/strings/str_cat.h"
#include "lib/base/key_file.h"
#include "lib/base/status.h"
#include "lib/pki/pem_file.h"

namespace hawser::net {
namespace {

// HMAC as a key derivation function in counter mode (NIST SP 800-108).
std::string Expand(const std::string& secret, const std::string& context, size_t size) {
  std::string bytes;
  for (char counter = 1; bytes.size() < size; ++counter) {
    const std::string input = counter + ("hawser session tickets" + std::string(1, '\0')) + context;
    unsigned char block[EVP_MAX_MD_SIZE];
    unsigned block_size = 0;
    CHECK(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
               reinterpret_cast<const unsigned char*>(input.data()), input.size(), block,
               &block_size) != nullptr);
    bytes.append(reinterpret_cast<const char*>(block), block_size);
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace

TicketKeys::Key TicketKeys::Derive(const std::string& secret, const std::string& context) {
  Key key;
  const std::string bytes =
      Expand(secret, context, key.name.size() + key.mac.size() + key.cipher.size());
  auto from = bytes.begin();
  for (const auto part : {std::span<uint8_t>(key.name), std::span<uint8_t>(key.mac),
                          std::span<uint8_t>(key.cipher)}) {
    std::copy_n(from, part.size(), part.begin());
    from += static_cast<std::ptrdiff_t>(part.size());
  }
  return key;
}

absl::StatusOr<std::shared_ptr<const TicketKeys>> TicketKeys::Load(const std::string& path,
                                                                   const std::string& context) {
  HAWSER_RETURN_IF_ERROR(base::CheckKeyFilePermissions(path));
  HAWSER_ASSIGN_OR_RETURN(const std::string bytes, pki::ReadPemFile(path));
  if (bytes.empty() || bytes.size() % kFileKey != 0 || bytes.size() > kMaxKeys * kFileKey)
    return absl::InvalidArgumentError(absl::StrCat("load ticket keys ", path, ": not 1 to ",
                                                   kMaxKeys, " keys of ", kFileKey, " bytes"));
  std::shared_ptr<TicketKeys> keys(new TicketKeys);
  for (size_t at = 0; at < bytes.size(); at += kFileKey)
    keys->keys_.push_back(Derive(bytes.substr(at, kFileKey), context));
  return keys;
}

std::shared_ptr<const TicketKeys> TicketKeys::Random(const TicketKeys* before) {
  std::string secret(kFileKey, '\0');
  CHECK_EQ(RAND_priv_bytes(reinterpret_cast<unsigned char*>(secret.data()),
                           static_cast<int>(secret.size())),
           1);
  std::shared_ptr<TicketKeys> keys(new TicketKeys);
  keys->keys_.push_back(Derive(secret, ""));
  if (before != nullptr) keys->keys_.push_back(before->keys_.front());
  return keys;
}

int TicketKeys::Use(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, int encrypt) const {
  auto key = keys_.begin();
  if (encrypt == 0)
    key = std::find_if(keys_.begin(), keys_.end(), [name](const Key& candidate) {
      return std::equal(candidate.name.begin(), candidate.name.end(), name);
    });
  if (key == keys_.end()) return 0;  // a full handshake
  if (encrypt != 0) {
    std::copy(key->name.begin(), key->name.end(), name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<uint8_t*>(key->mac.data()),
                                        key->mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, parameters) != 1 ||
      EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv, encrypt) != 1)
    return -1;
  // A ticket of TLS 1.3 is good for one connection (RFC 8446, C.4): its client needs another.
  const bool renew = encrypt == 0 && (key != keys_.begin() || SSL_version(ssl) >= TLS1_3_VERSION);
  return renew ? 2 : 1;
}

}  // namespace hawser::net
