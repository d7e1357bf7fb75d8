#include "hub/counters.h"

#include <algorithm>

namespace hawser::hub {
namespace {

template <typename Array>
void AddEach(Array& to, const Array& from) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

}  // namespace

void DialHistogram::Observe(base::Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++buckets[static_cast<size_t>(bound - kBounds.begin())];
  sum += seconds;
}

void DialHistogram::Add(const DialHistogram& other) {
  AddEach(buckets, other.buckets);
  sum += other.sum;
}

void AddCounters(tunnel::SessionCounters& to, const tunnel::SessionCounters& from) {
  to.bytes_to_peer += from.bytes_to_peer;
  to.bytes_from_peer += from.bytes_from_peer;
  AddEach(to.packets_to_peer, from.packets_to_peer);
  AddEach(to.packets_from_peer, from.packets_from_peer);
  to.connections += from.connections;
  to.window_stalls += from.window_stalls;
  to.ignored_packets += from.ignored_packets;
}

void Counters::Add(const Counters& other) {
  dials.Add(other.dials);
  AddEach(failed_dials, other.failed_dials);
  for (const auto& [reason, count] : other.refused_agents) refused_agents[reason] += count;
  failed_handshakes += other.failed_handshakes;
  refused_requests += other.refused_requests;
  for (const auto& [name, counters] : other.agents) AddCounters(agents[name], counters);
  AddCounters(clients, other.clients);
}

}  // namespace hawser::hub
