// What the health and admin ports answer, as text.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/net/resolver.h"
#include "spoke/counters.h"
#include "spoke/health_lease.h"
#include "spoke/server_counter.h"
#include "spoke/server_set.h"

namespace hawser::spoke {

struct Readiness {
  bool ready;
  std::string text;  // one line per server and condition
};

// Ready: linked to a server, and not stopping.
Readiness CheckReadiness(const ServerSet& servers, bool stopping);

struct MetricsInput {
  const ServerSet& servers;
  const Counters& counters;
  const ServerCounter* leases;      // null: none are counted
  const HealthLease* health_lease;  // null: none
  const net::Resolver& target_names;
  uint64_t queued_bytes;    // of the process's budget
  uint64_t failed_reloads;  // of certificates
  std::optional<std::chrono::system_clock::time_point> certificate_expiry;  // empty: none
};

// Prometheus' text format: Konnectivity's names where the thing exists there, `hawser_` ones beside
// them.
std::string MetricsText(const MetricsInput& input);

// A JSON array of the open connections; bytes, seconds.
std::string ConnectionsJson(const ServerSet& servers, base::Time now);

}  // namespace hawser::spoke
