// What a server encrypts its session tickets with. All that it knows of a session is in the ticket,
// the client's certificate included: whoever has the keys is whomever they like.
//
// From a file that the replicas of a server share, or random. Keys of the file are not used as they
// are: what is derived of them is for one port, and for peers of one CA file, so that a ticket of
// another port, or one from before the CA changed, is worth nothing.
//
// Threads: any; immutable.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hawser::net {

class TicketKeys {
 public:
  // Bytes of a key in a file, as nginx has them; the file is nothing but keys, the newest first.
  static constexpr size_t kFileKey = 80;
  // New tickets get the first key; those of all others are taken, too.
  static constexpr size_t kMaxKeys = 8;

  // Keys of `path`, for the sessions of `context`. kInvalidArgument when it is no file of keys,
  // kFailedPrecondition when group or others may access it.
  static absl::StatusOr<std::shared_ptr<const TicketKeys>> Load(const std::string& path,
                                                                const std::string& context);
  // A new key, and the newest one of `before`, where there is something.
  static std::shared_ptr<const TicketKeys> Random(const TicketKeys* before);

  // For OpenSSL, as its SSL_CTX_set_tlsext_ticket_key_evp_cb() has it.
  int Use(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
          EVP_MAC_CTX* mac, int encrypt) const;

 private:
  struct Key {
    std::array<uint8_t, 16> name;
    std::array<uint8_t, 32> mac;
    std::array<uint8_t, 32> cipher;
  };

  TicketKeys() = default;
  static Key Derive(const std::string& secret, const std::string& context);

  std::vector<Key> keys_;
};

}  // namespace hawser::net
