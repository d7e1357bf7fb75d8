#include "hub/pages.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "hub/agent_session.h"

namespace hawser::hub {
namespace {

using nlohmann::json;

double Seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string Rfc3339(WallTime time) {
  const std::time_t seconds = WallTime::clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[sizeof("2026-11-21T08:34:41Z")];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

// Text of peers may hold any byte: what is not UTF-8 is replaced.
std::string Dump(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

Readiness CheckReadiness(const SessionRegistry& registry, bool stopping) {
  Readiness readiness{.ready = true};
  const auto check = [&readiness](bool ok, const std::string& name, const std::string& why) {
    readiness.ready = readiness.ready && ok;
    readiness.text += (ok ? "[+]" + name + " ok\n" : "[-]" + name + " failed: " + why + "\n");
  };
  const auto [strategy, count] = registry.CountByStrategy().front();
  check(count > 0, "agents",
        std::string("no agent is connected that strategy ") + tunnel::StrategyName(strategy) +
            " can use (" + std::to_string(registry.size()) + " connected)");
  check(!stopping, "serving", "the hub is stopping");
  return readiness;
}

std::string SessionsJson(const std::vector<AgentPicture>& agents) {
  json list = json::array();
  for (const AgentPicture& agent : agents) {
    list.push_back({{"id", agent.id},
                    {"cluster", agent.name},
                    {"certified", !agent.cluster.empty()},
                    {"agent_id", agent.agent_id},
                    {"address", agent.address},
                    {"features", FeatureList(agent.features)},
                    {"connected_since", Rfc3339(agent.connected_at)},
                    {"round_trip", Seconds(agent.round_trip)},
                    {"connections", agent.connections},
                    {"pending_dials", agent.pending_dials},
                    {"draining", agent.draining},
                    {"queued_bytes", agent.queued},
                    {"bytes_to_agent", agent.counters.bytes_to_peer},
                    {"bytes_from_agent", agent.counters.bytes_from_peer},
                    {"window_stalls", agent.counters.window_stalls}});
    if (agent.certificate_expiry)
      list.back()["certificate_expiry"] = Rfc3339(*agent.certificate_expiry);
  }
  return Dump(list);
}

std::string ConnectionsJson(const std::vector<ConnectionPicture>& connections) {
  json list = json::array();
  for (const ConnectionPicture& connection : connections) {
    list.push_back({{"cluster", connection.cluster},
                    {"session", connection.session},
                    {"id", connection.id},
                    {"target", connection.target},
                    {"client", connection.client},
                    {"age", Seconds(connection.age)},
                    {"bytes_to_target", connection.bytes_sent},
                    {"bytes_from_target", connection.bytes_received},
                    {"queued_bytes", connection.queued}});
    // A peer without windows sets no limit.
    if (connection.send_window < (int64_t{1} << 60))
      list.back()["send_window"] = connection.send_window;
  }
  return Dump(list);
}

}  // namespace hawser::hub
