#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "lib/pki/identity.h"

// An identity has one spelling only: what is accepted is exactly what would be written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string uri(reinterpret_cast<const char*>(data), size);
  const auto identity = hawser::pki::ParseIdentity(uri);
  if (!identity.ok()) return 0;
  CHECK_EQ(hawser::pki::IdentityUri(*identity), uri);
  if (const auto* cluster = std::get_if<hawser::pki::ClusterIdentity>(&*identity))
    CHECK(hawser::pki::IsClusterName(cluster->cluster)) << cluster->cluster;
  return 0;
}
