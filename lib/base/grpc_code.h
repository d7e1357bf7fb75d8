// Status codes as Go's gRPC spells them, which Konnectivity's metrics use as labels.
#pragma once

#include "absl/status/status.h"

namespace hawser::base {

// "Unavailable", "Canceled", ...; "Unknown" for what is no code of gRPC.
const char* GrpcCodeName(absl::StatusCode code);

}  // namespace hawser::base
