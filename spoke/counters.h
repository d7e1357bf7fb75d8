// What the agent counts; one thread's, so counting costs an addition.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "lib/base/metrics.h"
#include "lib/tunnel/failure.h"
#include "lib/tunnel/session.h"

namespace hawser::spoke {

struct Counters {
  // Konnectivity's buckets for an agent's dials.
  base::Histogram dials{{.005, .025, .1, .5, 2.5, 10, 30}};  // that succeeded
  std::array<uint64_t, tunnel::kReasons> failed_dials{};     // by Reason
  uint64_t failed_attempts = 0;                              // to reach a server
  std::map<std::string, uint64_t> stream_errors;             // by gRPC's name of the code
  std::map<std::string, uint64_t> lost_links;                // by name of the status code
  tunnel::SessionCounters ended_sessions;
};

}  // namespace hawser::spoke
