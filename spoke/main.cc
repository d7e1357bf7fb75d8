// proxy-agent: the spoke's side.
#include "lib/base/daemon.h"
#include "spoke/agent.h"
#include "spoke/options.h"

int main(int argc, char** argv) {
  return hawser::base::RunDaemon<hawser::spoke::Agent>(
      "proxy-agent",
      "Dials out of a cluster to hubs, which reach the cluster's services through it.", argc, argv,
      &hawser::spoke::OptionsFromFlags, &hawser::spoke::CheckConfigFromFlags);
}
