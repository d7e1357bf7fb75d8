// proxy-server: the hub.
#include <glog/logging.h>

#include <iostream>

#include "hub/hub.h"
#include "hub/options.h"
#include "lib/base/build_info.h"
#include "lib/base/flags.h"
#include "lib/base/logging.h"

namespace {

constexpr char kName[] = "proxy-server";
constexpr int kBadUsage = 64;

int BadUsage(const absl::Status& status) {
  std::cerr << kName << ": " << std::string(status.message()) << "\n";
  return kBadUsage;
}

}  // namespace

int main(int argc, char** argv) {
  const auto output = hawser::base::ParseCommandLine(
      {kName, "Lets clients reach services inside clusters that dial in from behind NAT.",
       hawser::base::VersionLine(kName)},
      argc, argv);
  if (!output.ok()) return BadUsage(output.status());
  if (!output->empty()) {
    std::cout << *output << std::flush;
    return 0;
  }
  hawser::base::InitLogging(kName);
  const auto options = hawser::hub::OptionsFromFlags();
  if (!options.ok()) return BadUsage(options.status());

  const auto hub = hawser::hub::Hub::Create(*options);
  if (!hub.ok()) {
    LOG(ERROR) << std::string(hub.status().message());
    return 1;
  }
  for (const auto& [what, address] : (*hub)->served())
    LOG(INFO) << "serving " << what << " on " << address;
  LOG(INFO) << "ready";
  (*hub)->StopOnSignals();
  (*hub)->Run();
}
