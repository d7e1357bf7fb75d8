// What the hub counts. Each shard has one of these, which only its own thread touches: counting
// costs an addition, and a scrape collects copies (see snapshot.h).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "lib/base/metrics.h"
#include "lib/tunnel/failure.h"
#include "lib/tunnel/session.h"

namespace hawser::hub {

// What went wrong on a stream, in Konnectivity's words.
struct StreamError {
  std::string segment;      // "from_agent", "to_agent", "from_client", "to_client"
  std::string code;         // base::GrpcCodeName()
  std::string packet_type;  // "Unknown" when it is not about one packet

  auto operator<=>(const StreamError&) const = default;
};

struct Counters {
  // Of dials that succeeded, in Konnectivity's buckets.
  base::Histogram dials{{1e-6, 1e-5, 1e-4, .005, .025, .1, .5, 2.5, 12.5}};
  // How long bytes from agents waited for their clients to take them, per batch, in the same ones.
  base::Histogram frontend_writes{{1e-6, 1e-5, 1e-4, .005, .025, .1, .5, 2.5, 12.5}};
  // How long tunnelled connections lasted.
  base::Histogram connections{{1, 5, 15, 30, 60, 300, 900, 1800, 3600, 14400, 43200, 86400}};
  std::array<uint64_t, tunnel::kReasons> failed_dials{};  // by Reason
  uint64_t unsent_answers = 0;  // to successful dials, for clients that had gone
  std::map<StreamError, uint64_t> stream_errors;
  uint64_t accepted_agents = 0;
  std::map<std::string, uint64_t> ended_sessions;  // of agents, by status code
  std::map<std::string, uint64_t> token_checks;    // of agents, by result
  std::map<std::string, uint64_t> refused_agents;  // by reason
  uint64_t refused_requests = 0;                   // CONNECT heads answered with an error
  uint64_t surplus_streams = 0;  // of gRPC clients, that dialed beyond their connection's limit
  // Of sessions that have ended; agents' by AgentIdentity::label().
  std::map<std::string, tunnel::SessionCounters> agents;
  tunnel::SessionCounters clients;

  void Add(const Counters& other);
  void CountStreamError(const char* segment, const absl::Status& status,
                        const char* packet_type = "Unknown");
};

}  // namespace hawser::hub
