#include "lib/pki/key_exchange.h"

#include <glog/logging.h>

namespace hawser::pki {

void RestrictKeyExchange(SSL_CTX* context) {
  CHECK_EQ(SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384"), 1);
}

}  // namespace hawser::pki
