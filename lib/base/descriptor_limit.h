// How many file descriptors the process may have.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace hawser::base {

// Raises the soft limit to the hard one, as Go programs do: containers and services start with a
// low one for the sake of programs that use select(). Logs when it changes something.
void RaiseDescriptorLimit();

// How many may be open.
uint64_t DescriptorLimit();

// ResourceExhausted, naming the limit, where fewer than `count` descriptors may be open.
absl::Status NeedDescriptors(uint64_t count);

}  // namespace hawser::base
