// What processes used, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace hawser::bench {

// User and system time of all threads so far, seconds, summed over the processes. The kernel counts
// in ticks of 10 ms.
double CpuSeconds(const std::vector<pid_t>& pids);

// Resident memory, bytes.
int64_t ResidentBytes(pid_t pid);

}  // namespace hawser::bench
