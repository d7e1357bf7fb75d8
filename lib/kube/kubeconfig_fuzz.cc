#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "lib/kube/kubeconfig.h"

// What is accepted is complete: a server to go to, and credentials of one kind.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto kubeconfig = hawser::kube::ParseKubeconfig(
      std::string(reinterpret_cast<const char*>(data), size), "config");
  if (!kubeconfig.ok()) {
    CHECK(!kubeconfig.status().message().empty());
    return 0;
  }
  CHECK(!kubeconfig->server.host.empty());
  CHECK(kubeconfig->server.prefix.empty() || kubeconfig->server.prefix.front() == '/');
  if (kubeconfig->exec.has_value()) {
    CHECK(!kubeconfig->exec->command.empty());
    CHECK(kubeconfig->token.text.empty() && kubeconfig->token.file.empty());
  }
  return 0;
}
