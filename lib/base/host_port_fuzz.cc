#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "lib/base/host_port.h"

// What is read is bounded and printable, and printed in a form that reads the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto address =
      hawser::base::ParseHostPort(std::string(reinterpret_cast<const char*>(data), size));
  if (!address.ok()) return 0;
  CHECK(!address->host.empty());
  CHECK_LE(address->host.size(), 253u);
  for (const char c : address->host) CHECK(c > ' ' && c < '\x7f');
  const auto again = hawser::base::ParseHostPort(FormatHostPort(*address));
  CHECK(again.ok()) << again.status();
  CHECK(*again == *address);
  return 0;
}
