// addon-manager: installs hub and agents, issues and rotates their certificates.
#include <glog/logging.h>

#include "addon-manager/manager.h"
#include "addon-manager/options.h"
#include "addon-manager/uninstall.h"
#include "lib/base/daemon.h"
#include "lib/kube/client.h"
#include "lib/kube/config.h"

namespace {

constexpr char kName[] = "addon-manager";

int RunUninstall(const hawser::addon_manager::Options& options) {
  auto config = hawser::kube::LoadConfig(options.kubeconfig);
  absl::Status status = config.status();
  if (status.ok()) {
    hawser::kube::Client client(*std::move(config));
    status = hawser::addon_manager::Uninstall(client, options.uninstall_timeout);
  }
  if (status.ok()) return 0;
  LOG(ERROR) << std::string(status.message());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = hawser::base::BeginDaemon(
          kName, "Connects managed clusters to the hub: installs both sides, issues certificates.",
          argc, argv))
    return *code;
  const auto options = hawser::addon_manager::OptionsFromFlags();
  if (!options.ok()) return hawser::base::BadUsage(kName, options.status());
  if (options->uninstall) return RunUninstall(*options);
  return hawser::base::Serve<hawser::addon_manager::Manager>(*options);
}
