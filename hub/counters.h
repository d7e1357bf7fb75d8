// What the hub counts. Each shard has one of these, which only its own thread touches: counting
// costs an addition, and a scrape collects copies (see snapshot.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "lib/base/scheduler.h"
#include "lib/tunnel/failure.h"
#include "lib/tunnel/session.h"

namespace hawser::hub {

inline constexpr size_t kReasons = static_cast<size_t>(tunnel::Reason::kCancelled) + 1;

// A histogram of durations in Konnectivity's buckets for dials.
struct DialHistogram {
  // Upper bounds, seconds; one more bucket takes the rest.
  static constexpr std::array<double, 9> kBounds{1e-6, 1e-5, 1e-4, .005, .025, .1, .5, 2.5, 12.5};

  std::array<uint64_t, kBounds.size() + 1> buckets{};  // not cumulative
  double sum = 0;

  void Observe(base::Duration duration);
  void Add(const DialHistogram& other);
};

// Sums of sessions' counters.
void AddCounters(tunnel::SessionCounters& to, const tunnel::SessionCounters& from);

struct Counters {
  DialHistogram dials;                              // that succeeded
  std::array<uint64_t, kReasons> failed_dials{};    // by Reason
  std::map<std::string, uint64_t> refused_agents;   // by reason
  uint64_t failed_handshakes = 0;
  uint64_t refused_requests = 0;                    // CONNECT heads answered with an error
  // Of sessions that have ended; agents' by AgentIdentity::name().
  std::map<std::string, tunnel::SessionCounters> agents;
  tunnel::SessionCounters clients;

  void Add(const Counters& other);
};

}  // namespace hawser::hub
