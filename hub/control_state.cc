#include "hub/control_state.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_split.h"
#include "hub/agent_session.h"
#include "hub/snapshot.h"

namespace hawser::hub {
namespace {

google::protobuf::Timestamp Timestamp(WallTime time) {
  const auto nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(nanos / 1'000'000'000);
  timestamp.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  return timestamp;
}

google::protobuf::Duration Duration(base::Duration time) {
  google::protobuf::Duration duration;
  duration.set_seconds(time.count() / 1'000'000'000);
  duration.set_nanos(static_cast<int32_t>(time.count() % 1'000'000'000));
  return duration;
}

control::Session ToSession(const AgentPicture& agent) {
  control::Session session;
  session.set_id(std::to_string(agent.id));
  session.set_cluster(agent.name);
  session.set_agent_id(agent.agent_id);
  session.set_address(agent.address);
  *session.mutable_connected_since() = Timestamp(agent.connected_at);
  if (agent.round_trip > base::Duration::zero())
    *session.mutable_round_trip() = Duration(agent.round_trip);
  session.set_connections(static_cast<uint32_t>(agent.connections));
  session.set_pending_dials(static_cast<uint32_t>(agent.pending_dials));
  if (agent.certificate_expiry)
    *session.mutable_certificate_not_after() = Timestamp(*agent.certificate_expiry);
  session.set_state(agent.draining ? control::DRAINING : control::READY);
  session.set_bytes_to_agent(agent.counters.bytes_to_peer);
  session.set_bytes_from_agent(agent.counters.bytes_from_peer);
  if (agent.features.any()) {
    const std::vector<std::string> features = absl::StrSplit(FeatureList(agent.features), ',');
    for (const std::string& feature : features) session.add_features(feature);
  }
  return session;
}

// What all sessions of a cluster add up to.
struct Sum {
  uint32_t agents = 0;
  uint32_t connections = 0;
  bool ready = false;
  base::Duration round_trip{0};
  std::optional<WallTime> expiry;

  void Add(const AgentPicture& agent) {
    ++agents;
    connections += static_cast<uint32_t>(agent.connections);
    ready = ready || !agent.draining;
    const bool measured = agent.round_trip > base::Duration::zero();
    if (measured && (round_trip == base::Duration::zero() || agent.round_trip < round_trip))
      round_trip = agent.round_trip;
    if (agent.certificate_expiry && (!expiry || *agent.certificate_expiry < *expiry))
      expiry = agent.certificate_expiry;
  }
};

}  // namespace

std::vector<control::Cluster> ControlState::Clusters() {
  std::map<std::string, Sum> sums;
  for (const AgentPicture& agent : TakeSnapshot(shards_).agents) sums[agent.name].Add(agent);
  const auto presence = registry_.Presence();
  std::vector<control::Cluster> clusters;
  for (const auto& [name, sum] : sums) {
    const auto since = presence.find(name);
    if (since == presence.end()) continue;  // gone meanwhile
    control::Cluster& cluster = clusters.emplace_back();
    cluster.set_name(name);
    cluster.set_agents(sum.agents);
    *cluster.mutable_connected_since() = Timestamp(since->second);
    if (sum.round_trip > base::Duration::zero())
      *cluster.mutable_round_trip() = Duration(sum.round_trip);
    cluster.set_connections(sum.connections);
    if (sum.expiry) *cluster.mutable_certificate_not_after() = Timestamp(*sum.expiry);
    cluster.set_state(sum.ready ? control::READY : control::DRAINING);
  }
  return clusters;
}

std::vector<control::Session> ControlState::Sessions() {
  std::vector<AgentPicture> agents = TakeSnapshot(shards_).agents;
  std::sort(agents.begin(), agents.end(), [](const AgentPicture& a, const AgentPicture& b) {
    return std::tie(a.name, a.id) < std::tie(b.name, b.id);
  });
  std::vector<control::Session> sessions;
  for (const AgentPicture& agent : agents) sessions.push_back(ToSession(agent));
  return sessions;
}

}  // namespace hawser::hub
