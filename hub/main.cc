// proxy-server: the hub.
#include "hub/hub.h"
#include "hub/options.h"
#include "lib/base/daemon.h"

int main(int argc, char** argv) {
  return hawser::base::RunDaemon<hawser::hub::Hub>(
      "proxy-server", "Lets clients reach services inside clusters that dial in from behind NAT.",
      argc, argv, &hawser::hub::OptionsFromFlags, &hawser::hub::CheckConfigFromFlags);
}
