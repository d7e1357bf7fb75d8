// The hub's metrics in Prometheus' text format: Konnectivity's names where the thing exists there,
// `hawser_` ones beside them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hub/certificates.h"
#include "hub/connection_limits.h"
#include "hub/credentials.h"
#include "hub/handshake_counts.h"
#include "hub/lease_collector.h"
#include "hub/memory_shares.h"
#include "hub/session_registry.h"
#include "hub/snapshot.h"
#include "lib/net/http1_server.h"

namespace hawser::hub {

struct MetricsInput {
  const Snapshot& snapshot;
  const SessionRegistry& registry;
  const ConnectionLimits& limits;
  const Credentials& credentials;
  const std::map<Port, const HandshakeCounts*>& handshakes;
  const LeaseCollector* leases;  // null: none are collected
  const MemoryShares& memory;
  const MemoryShares& connection_memory;
  std::vector<const net::Http1Server*> pages;
  const std::map<std::string, Certificates::Picture>& certificates;
};

std::string MetricsText(const MetricsInput& input);

}  // namespace hawser::hub
