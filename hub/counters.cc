#include "hub/counters.h"

namespace hawser::hub {

void Counters::Add(const Counters& other) {
  dials.Add(other.dials);
  for (size_t i = 0; i < failed_dials.size(); ++i) failed_dials[i] += other.failed_dials[i];
  for (const auto& [reason, count] : other.refused_agents) refused_agents[reason] += count;
  failed_handshakes += other.failed_handshakes;
  refused_requests += other.refused_requests;
  for (const auto& [name, counters] : other.agents) agents[name].Add(counters);
  clients.Add(other.clients);
}

}  // namespace hawser::hub
