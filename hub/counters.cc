#include "hub/counters.h"

#include "lib/base/grpc_code.h"

namespace hawser::hub {
namespace {

template <typename Key>
void AddAll(std::map<Key, uint64_t>& sums, const std::map<Key, uint64_t>& counts) {
  for (const auto& [key, count] : counts) sums[key] += count;
}

}  // namespace

void Counters::Add(const Counters& other) {
  dials.Add(other.dials);
  frontend_writes.Add(other.frontend_writes);
  connections.Add(other.connections);
  for (size_t i = 0; i < failed_dials.size(); ++i) failed_dials[i] += other.failed_dials[i];
  unsent_answers += other.unsent_answers;
  AddAll(stream_errors, other.stream_errors);
  accepted_agents += other.accepted_agents;
  AddAll(ended_sessions, other.ended_sessions);
  AddAll(token_checks, other.token_checks);
  AddAll(refused_agents, other.refused_agents);
  refused_requests += other.refused_requests;
  surplus_streams += other.surplus_streams;
  for (const auto& [name, counters] : other.agents) agents[name].Add(counters);
  clients.Add(other.clients);
}

void Counters::CountStreamError(const char* segment, const absl::Status& status,
                                const char* packet_type) {
  ++stream_errors[{segment, base::GrpcCodeName(status.code()), packet_type}];
}

}  // namespace hawser::hub
