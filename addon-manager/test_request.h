// Certificate signing requests as Open Cluster Management's registration agents make them.
#pragma once

#include <string>

#include "addon-manager/csr_rules.h"

namespace hawser::addon_manager {

// The PEM of a request, by a new key, with the subject of `registration`.
std::string RequestPem(const Registration& registration);

}  // namespace hawser::addon_manager
