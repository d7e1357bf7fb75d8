#include "hub/limit_metrics.h"

#include <optional>

namespace hawser::hub {
namespace {

using base::MetricFamilies;
using prometheus::MetricFamily;
using prometheus::MetricType;

// `port`: of a resource that each port has for itself.
class LimitFamilies {
 public:
  explicit LimitFamilies(MetricFamilies& families)
      : in_use_(families.Family("hawser_resource_in_use", "What is scarce and in use, in all.",
                                MetricType::Gauge)),
        limits_(families.Family("hawser_resource_limit",
                                "How much there is in all, and for one identity or address.",
                                MetricType::Gauge)),
        refusals_(families.Family("hawser_refusals_total",
                                  "Requests for something scarce that were refused, by the limit.",
                                  MetricType::Counter)),
        resets_(families.Family("hawser_resets_total",
                                "What was taken back since there was too little, by the limit.",
                                MetricType::Counter)) {}

  void InUse(const char* resource, size_t amount, std::optional<Port> port = {}) {
    Add(in_use_, {{"resource", resource}}, amount, port);
  }
  void Limit(const char* resource, LimitKind kind, size_t amount, std::optional<Port> port = {}) {
    Add(limits_, {{"resource", resource}, {"limit", LimitKindName(kind)}}, amount, port);
  }
  void Refusals(const char* resource, LimitKind kind, uint64_t count,
                std::optional<Port> port = {}) {
    Add(refusals_, {{"resource", resource}, {"limit", LimitKindName(kind)}}, count, port);
  }
  void Resets(const char* resource, LimitKind kind, uint64_t count, std::optional<Port> port = {}) {
    Add(resets_, {{"resource", resource}, {"limit", LimitKindName(kind)}}, count, port);
  }

 private:
  static void Add(MetricFamily& family, MetricFamilies::Labels labels, uint64_t value,
                  std::optional<Port> port) {
    if (port) labels.push_back({"port", PortName(*port)});
    MetricFamilies::Add(family, labels, static_cast<double>(value));
  }

  MetricFamily& in_use_;
  MetricFamily& limits_;
  MetricFamily& refusals_;
  MetricFamily& resets_;
};

void AddDialsAndSessions(LimitFamilies& families, const SessionRegistry& registry,
                         size_t agent_connections) {
  const SessionRegistry::Limits limits = registry.limits();
  families.InUse("pending_dials", registry.pending_dials());
  families.Limit("pending_dials", LimitKind::kTotal, limits.pending_dials);
  families.Limit("pending_dials", LimitKind::kIdentity,
                 SessionRegistry::ClientShare(limits.pending_dials));
  for (const LimitKind kind : {LimitKind::kTotal, LimitKind::kIdentity})
    families.Refusals("pending_dials", kind, registry.refused_dials(kind));
  families.InUse("sessions", registry.size());
  families.Limit("sessions", LimitKind::kTotal, kSessionsPerConnection * agent_connections);
  families.Limit("sessions", LimitKind::kIdentity, limits.sessions_per_cluster);
  families.Refusals("sessions", LimitKind::kIdentity, registry.refused_sessions());
}

void AddConnections(LimitFamilies& families, const ConnectionLimits& connections) {
  families.InUse("agent_connections", connections.count(Port::kAgents));
  families.InUse("client_connections",
                 connections.count(Port::kGrpc) + connections.count(Port::kHttpConnect));
  const ConnectionLimits::Options limits = connections.options();
  families.Limit("agent_connections", LimitKind::kTotal, limits.agents);
  families.Limit("agent_connections", LimitKind::kIdentity, limits.per_cluster);
  families.Limit("agent_connections", LimitKind::kAddress, limits.per_address);
  families.Limit("client_connections", LimitKind::kTotal, limits.front_ends);
  families.Limit("client_connections", LimitKind::kIdentity, connections.client_share());
  families.Limit("client_connections", LimitKind::kAddress, limits.per_address);
  for (const LimitKind kind : {LimitKind::kTotal, LimitKind::kIdentity, LimitKind::kAddress}) {
    families.Refusals("agent_connections", kind, connections.refused(Port::kAgents, kind));
    families.Refusals(
        "client_connections", kind,
        connections.refused(Port::kGrpc, kind) + connections.refused(Port::kHttpConnect, kind));
  }
}

// Nobody is refused as long as there are places; then those of the address that has the most.
void AddHandshakes(LimitFamilies& families,
                   const std::map<Port, const HandshakeCounts*>& handshakes) {
  constexpr char kName[] = "unfinished_handshakes";
  for (const auto& [port, counts] : handshakes) {
    if (counts->places() == 0) continue;
    families.InUse(kName, counts->unfinished(), port);
    families.Limit(kName, LimitKind::kTotal, counts->places(), port);
    families.Limit(kName, LimitKind::kAddress, counts->share(), port);
    families.Refusals(
        kName, LimitKind::kAddress,
        counts->count(HandshakeResult::kNoPlace) + counts->count(HandshakeResult::kFailures), port);
    families.Resets(kName, LimitKind::kAddress, counts->count(HandshakeResult::kDisplaced), port);
  }
}

void AddMemory(LimitFamilies& families, const char* resource, const MemoryShares& memory) {
  families.InUse(resource, memory.total()->used());
  families.Limit(resource, LimitKind::kTotal, memory.total()->cap());
  families.Limit(resource, LimitKind::kIdentity, memory.share());
  const auto add = [&](LimitKind kind, tunnel::MemoryBudget::Scope scope) {
    const tunnel::MemoryBudget::Tally tally = memory.total()->tally(scope);
    families.Refusals(resource, kind, tally.refused_dials);
    families.Resets(resource, kind, tally.reset_queues);
  };
  add(LimitKind::kIdentity, tunnel::MemoryBudget::Scope::kShare);
  add(LimitKind::kTotal, tunnel::MemoryBudget::Scope::kTotal);
}

void AddPages(LimitFamilies& families, const std::vector<const net::Http1Server*>& pages) {
  if (pages.empty()) return;
  net::Http1Server::Dropped dropped;
  size_t connections = 0;
  for (const net::Http1Server* each : pages) {
    connections += each->connections();
    dropped.for_total += each->dropped().for_total;
    dropped.for_address += each->dropped().for_address;
  }
  const net::Http1Server::Options& limits = pages.front()->options();
  families.InUse("page_connections", connections);
  families.Limit("page_connections", LimitKind::kTotal, pages.size() * limits.max_connections);
  families.Limit("page_connections", LimitKind::kAddress, pages.size() * limits.max_per_address);
  families.Resets("page_connections", LimitKind::kTotal, dropped.for_total);
  families.Resets("page_connections", LimitKind::kAddress, dropped.for_address);
}

}  // namespace

void AddLimits(MetricFamilies& metrics, const SessionRegistry& registry,
               const ConnectionLimits& connections,
               const std::map<Port, const HandshakeCounts*>& handshakes, const MemoryShares& memory,
               const MemoryShares& connection_memory,
               const std::vector<const net::Http1Server*>& pages) {
  LimitFamilies families(metrics);
  AddDialsAndSessions(families, registry, connections.options().agents);
  AddConnections(families, connections);
  AddHandshakes(families, handshakes);
  AddMemory(families, "buffered_bytes", memory);
  AddMemory(families, "connection_bytes", connection_memory);
  AddPages(families, pages);
}

}  // namespace hawser::hub
