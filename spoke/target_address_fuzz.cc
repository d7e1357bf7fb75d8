#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "lib/tunnel/host_name.h"
#include "spoke/target_address.h"
#include "spoke/target_names.h"

// What is parsed must be canonical, and must mean something inside the spoke.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hawser::tunnel::CanonicalHost;
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto target = hawser::spoke::ParseTargetAddress(input);
  if (!target.ok()) return 0;
  CHECK_NE(target->port, 0);
  CHECK_EQ(*CanonicalHost(target->host), target->host);
  const hawser::spoke::TargetNames names(
      {.own_names = {"paris"},
       .domain = *hawser::tunnel::Domain::Parse("clusters.example"),
       .kube_apiserver = {"k8s", 443}});
  const auto found = names.Find(*target);
  CHECK_EQ(*CanonicalHost(found.name), found.name);
  CHECK_NE(found.address.port, 0);
  return 0;
}
