// How much memory the process may use, as its container or its machine has it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace hawser::base {

// Bytes: the lowest of the control groups' limits (both versions; the group's own and those above
// it), or the machine's memory when there is none. `root` is where /proc and /sys are found.
uint64_t MemoryLimit(const std::string& root = "");

// Bytes that peers may make the process hold: the flag's value, for 0 a quarter of the memory
// limit, at most 1 GiB. The rest is for connections, TLS and the kernel's buffers, which count
// against a container's limit, too. InvalidArgument, naming the flag, for a value below 16 MiB.
absl::StatusOr<uint64_t> BufferBudget(const std::string& flag, int64_t value,
                                      uint64_t memory_limit = MemoryLimit());

}  // namespace hawser::base
