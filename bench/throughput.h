// Bytes per second over long-lived connections, and what they cost in CPU.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/route.h"

namespace hawser::bench {

struct ThroughputOptions {
  Route route;
  std::string target;  // direct address, to ask how much arrived
  bool down = true;    // from the target; otherwise to it
  int connections = 1;
  std::chrono::milliseconds warm_up{500};
  std::chrono::milliseconds duration{3000};
  std::vector<pid_t> pids;  // whose CPU time counts
};

// {"gbit_per_second", "cpu_seconds_per_gib"}, over `duration` after `warm_up`, counted where the
// bytes arrive.
nlohmann::json MeasureThroughput(const ThroughputOptions& options);

}  // namespace hawser::bench
