// Metrics of everything scarce: how much there is, how much is in use, and who was refused, by the
// name of the resource and by the limit that was reached; never by anybody's name.
#pragma once

#include <map>
#include <vector>

#include "hub/connection_limits.h"
#include "hub/handshake_counts.h"
#include "hub/memory_shares.h"
#include "hub/session_registry.h"
#include "lib/base/metrics.h"
#include "lib/net/http1_server.h"

namespace hawser::hub {

void AddLimits(base::MetricFamilies& families, const SessionRegistry& registry,
               const ConnectionLimits& connections,
               const std::map<Port, const HandshakeCounts*>& handshakes, const MemoryShares& memory,
               const MemoryShares& connection_memory,
               const std::vector<const net::Http1Server*>& pages);

}  // namespace hawser::hub
