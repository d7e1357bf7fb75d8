#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "lib/tunnel/cluster_name.h"
#include "lib/tunnel/host_name.h"

// The first line is a domain, the rest a host. What is parsed must be canonical and parse alike
// when put together again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hawser::tunnel::CanonicalAddress;
  using hawser::tunnel::CanonicalHost;
  using hawser::tunnel::ParseTarget;
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.find('\n');
  const std::string domain = line == std::string::npos ? "" : input.substr(0, line);
  const auto target = ParseTarget(input.substr(line + 1), domain);
  if (!target) return 0;
  CHECK(!CanonicalAddress(target->cluster));
  CHECK_EQ(*CanonicalHost(target->cluster), target->cluster);
  if (target->address.empty()) {
    CHECK(*ParseTarget(target->cluster, "") == *target);
  } else {
    CHECK_EQ(*CanonicalHost(target->address), target->address);
    if (!CanonicalAddress(target->address))
      CHECK(*ParseTarget(target->address + "." + target->cluster, "") == *target);
  }
  return 0;
}
