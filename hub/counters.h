// What the hub counts. Each shard has one of these, which only its own thread touches: counting
// costs an addition, and a scrape collects copies (see snapshot.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "lib/base/metrics.h"
#include "lib/tunnel/failure.h"
#include "lib/tunnel/session.h"

namespace hawser::hub {

struct Counters {
  // Of dials that succeeded, in Konnectivity's buckets.
  base::Histogram dials{{1e-6, 1e-5, 1e-4, .005, .025, .1, .5, 2.5, 12.5}};
  std::array<uint64_t, tunnel::kReasons> failed_dials{};  // by Reason
  std::map<std::string, uint64_t> refused_agents;         // by reason
  uint64_t failed_handshakes = 0;
  uint64_t refused_requests = 0;  // CONNECT heads answered with an error
  // Of sessions that have ended; agents' by AgentIdentity::label().
  std::map<std::string, tunnel::SessionCounters> agents;
  tunnel::SessionCounters clients;

  void Add(const Counters& other);
};

}  // namespace hawser::hub
