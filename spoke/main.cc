// proxy-agent: the spoke's side.
#include <glog/logging.h>

#include <iostream>

#include "lib/base/build_info.h"
#include "lib/base/flags.h"
#include "lib/base/logging.h"
#include "spoke/agent.h"
#include "spoke/options.h"

namespace {

constexpr char kName[] = "proxy-agent";
constexpr int kBadUsage = 64;

int BadUsage(const absl::Status& status) {
  std::cerr << kName << ": " << std::string(status.message()) << "\n";
  return kBadUsage;
}

}  // namespace

int main(int argc, char** argv) {
  const auto output = hawser::base::ParseCommandLine(
      {kName, "Dials out of a cluster to hubs, which reach the cluster's services through it.",
       hawser::base::VersionLine(kName)},
      argc, argv);
  if (!output.ok()) return BadUsage(output.status());
  if (!output->empty()) {
    std::cout << *output << std::flush;
    return 0;
  }
  hawser::base::InitLogging(kName);
  const auto options = hawser::spoke::OptionsFromFlags();
  if (!options.ok()) return BadUsage(options.status());

  const auto agent = hawser::spoke::Agent::Create(*options);
  if (!agent.ok()) {
    LOG(ERROR) << std::string(agent.status().message());
    return 1;
  }
  for (const auto& [what, address] : (*agent)->served())
    LOG(INFO) << "serving " << what << " on " << address;
  LOG(INFO) << "ready";
  (*agent)->HandleSignals();
  (*agent)->Run();
}
