#include <glog/logging.h>

#include <cstdint>
#include <utility>

#include "lib/pki/certificate.h"
#include "lib/pki/identity.h"

// Whatever a peer's certificate (DER) says can be looked at.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const unsigned char* begin = data;
  hawser::pki::X509Ptr parsed(d2i_X509(nullptr, &begin, static_cast<long>(size)));
  if (parsed == nullptr) return 0;
  const hawser::pki::Certificate certificate(std::move(parsed));
  const auto identity = hawser::pki::IdentityOf(certificate.get());
  if (identity.ok() && identity->has_value())
    CHECK(hawser::pki::ParseIdentity(hawser::pki::IdentityUri(**identity)).ok());
  certificate.common_name();
  certificate.issuer_common_name();
  certificate.serial();
  certificate.is_ca();
  certificate.alternative_names();
  certificate.usages();
  hawser::pki::TimeLeft(certificate.get(), std::chrono::system_clock::now());
  return 0;
}
