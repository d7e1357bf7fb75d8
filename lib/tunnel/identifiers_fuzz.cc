#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "lib/tunnel/host_name.h"
#include "lib/tunnel/identifiers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hawser::tunnel::CanonicalAddress;
  const auto parsed =
      hawser::tunnel::ParseIdentifiers(std::string(reinterpret_cast<const char*>(data), size));
  if (!parsed.ok()) return 0;
  CHECK_LE(parsed->hosts.size() + parsed->ipv4.size() + parsed->ipv6.size() + parsed->cidrs.size() +
               parsed->uids.size(),
           hawser::tunnel::kMaxIdentifiers);
  for (const auto* list : {&parsed->ipv4, &parsed->ipv6})
    for (const std::string& address : *list) CHECK_EQ(*CanonicalAddress(address), address);
  return 0;
}
