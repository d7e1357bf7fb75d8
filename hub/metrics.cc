#include "hub/metrics.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "hub/limit_metrics.h"
#include "lib/base/build_info.h"
#include "lib/base/metrics.h"

namespace hawser::hub {
namespace {

using base::MetricFamilies;
using prometheus::MetricFamily;
using prometheus::MetricType;

std::string Konnectivity(const std::string& name) {
  return "konnectivity_network_proxy_server_" + name;
}

std::string Hawser(const std::string& name) { return "hawser_" + name; }

// Labelled by cluster, at most so many series; the rest is summed up as "(other)".
constexpr size_t kMaxClusters = 1000;

// Konnectivity's label for a failed dial.
const char* DialFailureLabel(tunnel::Reason reason) {
  switch (reason) {
    case tunnel::Reason::kNoAgent: return "no_agent";
    case tunnel::Reason::kAgentLost: return "backend_close";
    case tunnel::Reason::kTimedOut: return "backend_dial_timeout";
    case tunnel::Reason::kCancelled: return "frontend_close";
    default: return "error_response";
  }
}

void AddDials(MetricFamilies& families, const Counters& counters, uint64_t late_answers) {
  families.Durations(Konnectivity("dial_duration_seconds"),
                     "Time from the request of a dial to its success.", counters.dials);
  std::map<std::string, uint64_t> by_label;
  for (size_t i = 0; i < tunnel::kReasons; ++i)
    by_label[DialFailureLabel(static_cast<tunnel::Reason>(i))] += counters.failed_dials[i];
  by_label["unrecognized_response"] = late_answers;
  by_label["send_rsp"] = counters.unsent_answers;
  MetricFamily& failures = families.Family(Konnectivity("dial_failure_count"), "Dials that failed.",
                                           MetricType::Counter);
  for (const auto& [label, failed] : by_label)
    MetricFamilies::Add(failures, {{"reason", label}}, failed);
  MetricFamily& reasons = families.Family(
      Hawser("dial_failures_total"), "Dials that failed, by our reasons.", MetricType::Counter);
  for (size_t i = 0; i < tunnel::kReasons; ++i) {
    const char* reason = tunnel::ReasonName(static_cast<tunnel::Reason>(i));
    MetricFamilies::Add(reasons, {{"reason", reason}}, counters.failed_dials[i]);
  }
}

void AddPackets(MetricFamily& family, const char* segment,
                const std::array<uint64_t, tunnel::kPacketKinds>& packets) {
  for (size_t kind = 0; kind < packets.size(); ++kind)
    MetricFamilies::Add(family,
                        {{"segment", segment}, {"packet_type", tunnel::PacketKindName(kind)}},
                        packets[kind]);
}

void AddStreamErrors(MetricFamilies& families, const Counters& counters) {
  MetricFamily& errors = families.Family(
      Konnectivity("stream_errors_total"),
      "Streams that broke and packets that could not be sent, by segment.", MetricType::Counter);
  for (const auto& [error, count] : counters.stream_errors)
    MetricFamilies::Add(
        errors,
        {{"segment", error.segment}, {"code", error.code}, {"packet_type", error.packet_type}},
        count);
}

void AddConnections(MetricFamilies& families, const MetricsInput& input) {
  MetricFamily& grpc = families.Family(Konnectivity("grpc_connections"),
                                       "Streams by service method.", MetricType::Gauge);
  MetricFamilies::Add(grpc, {{"service_method", "Proxy"}}, input.snapshot.client_streams);
  MetricFamilies::Add(grpc, {{"service_method", "Connect"}}, input.snapshot.agents.size());
  size_t full_agents = 0;
  for (const AgentPicture& agent : input.snapshot.agents) full_agents += agent.full;
  MetricFamily& full =
      families.Family(Konnectivity("full_receive_channels"),
                      "Connections whose sender waits for a slow reader, by the sender's service.",
                      MetricType::Gauge);
  MetricFamilies::Add(full, {{"service_method", "Proxy"}}, input.snapshot.full_clients);
  MetricFamilies::Add(full, {{"service_method", "Connect"}}, full_agents);
  families.Gauge(Konnectivity("http_connections"), "Connections of HTTP-CONNECT clients.",
                 input.limits.count(Port::kHttpConnect));
  families.Gauge(Konnectivity("ready_backend_connections"), "Connected agents.",
                 input.snapshot.agents.size());
  families.Gauge(Konnectivity("pending_backend_dials"), "Dials that wait for an agent's answer.",
                 input.registry.pending_dials());
  families.Gauge(Konnectivity("established_connections"), "Open tunnelled connections.",
                 input.snapshot.connections());
  families.Durations(Konnectivity("connection_duration_seconds"),
                     "How long tunnelled connections lasted.", input.snapshot.counters.connections);
  families.Durations(Konnectivity("frontend_write_duration_seconds"),
                     "How long bytes waited for their client to take them.",
                     input.snapshot.counters.frontend_writes);
  MetricFamily& ready = families.Family(Konnectivity("ready_backends"),
                                        "Agents that a strategy can use.", MetricType::Gauge);
  for (const auto& [strategy, count] : input.registry.CountByStrategy())
    MetricFamilies::Add(ready, {{"proxy_strategy", tunnel::StrategyName(strategy)}}, count);

  MetricFamily& open =
      families.Family(Hawser("connections"), "Accepted connections by port.", MetricType::Gauge);
  MetricFamily& refused =
      families.Family(Hawser("refused_connections_total"), "Connections over a limit, by port.",
                      MetricType::Counter);
  for (const Port port : {Port::kAgents, Port::kGrpc, Port::kHttpConnect}) {
    MetricFamilies::Add(open, {{"port", PortName(port)}}, input.limits.count(port));
    MetricFamilies::Add(refused, {{"port", PortName(port)}}, input.limits.refused(port));
  }
}

void AddCredentials(MetricFamilies& families, const Credentials& credentials) {
  MetricFamily& ended = families.Family(
      Hawser("ended_credentials_total"),
      "Connections ended or refused because of their peers' certificates.", MetricType::Counter);
  const auto counts = credentials.counts();
  for (size_t reason = 0; reason < counts.size(); ++reason)
    MetricFamilies::Add(
        ended, {{"reason", Credentials::ReasonName(static_cast<Credentials::Reason>(reason))}},
        counts[reason]);
}

void AddHandshakes(MetricFamilies& families,
                   const std::map<Port, const HandshakeCounts*>& handshakes) {
  MetricFamily& unfinished = families.Family(
      Hawser("unfinished_handshakes"), "TLS handshakes under way, by port.", MetricType::Gauge);
  MetricFamily& ended = families.Family(
      Hawser("handshakes_total"), "TLS handshakes that ended or were refused, by port and how.",
      MetricType::Counter);
  uint64_t failed = 0;
  for (const auto& [port, counts] : handshakes) {
    MetricFamilies::Add(unfinished, {{"port", PortName(port)}}, counts->unfinished());
    for (size_t i = 0; i < kHandshakeResults; ++i) {
      const auto result = static_cast<HandshakeResult>(i);
      MetricFamilies::Add(ended,
                          {{"port", PortName(port)}, {"result", HandshakeResultName(result)}},
                          counts->count(result));
    }
    failed += counts->count(HandshakeResult::kFailed) + counts->count(HandshakeResult::kTimedOut);
  }
  families.Counter(Hawser("failed_handshakes_total"), "TLS handshakes that failed.", failed);
}

void AddRoundTrips(MetricFamilies& families, const Snapshot& snapshot) {
  std::map<std::string, base::Duration> shortest;
  for (const AgentPicture& agent : snapshot.agents) {
    if (agent.round_trip == base::Duration::zero()) continue;  // not measured yet
    const auto [found, added] = shortest.try_emplace(agent.label, agent.round_trip);
    found->second = std::min(found->second, agent.round_trip);
  }
  MetricFamily& family =
      families.Family(Hawser("round_trip_seconds"), "Shortest round trip to an agent of a cluster.",
                      MetricType::Gauge);
  for (const auto& [name, time] : shortest) {
    if (family.metric.size() == kMaxClusters) break;
    MetricFamilies::Add(family, {{"cluster", name}}, std::chrono::duration<double>(time).count());
  }
}

void AddAgents(MetricFamilies& families, const Counters& counters) {
  const auto by_label = [&families](const char* name, const char* help, const char* label,
                                    const std::map<std::string, uint64_t>& counts) {
    MetricFamily& family = families.Family(Hawser(name), help, MetricType::Counter);
    for (const auto& [value, count] : counts) MetricFamilies::Add(family, {{label, value}}, count);
  };
  families.Counter(Hawser("accepted_agents_total"), "Agents' sessions that began.",
                   counters.accepted_agents);
  by_label("refused_agents_total", "Agents refused, by reason.", "reason", counters.refused_agents);
  by_label("ended_sessions_total", "Agents' sessions that ended, by status code.", "reason",
           counters.ended_sessions);
  by_label("agent_token_checks_total", "Agents' tokens, by what became of them.", "result",
           counters.token_checks);
}

void AddClusters(MetricFamilies& families, const Snapshot& snapshot) {
  std::map<std::string, size_t> sessions;
  uint64_t stalls = 0;
  for (const auto& [label, counters] : snapshot.counters.agents) sessions[label] = 0;
  for (const AgentPicture& agent : snapshot.agents) ++sessions[agent.label];
  MetricFamily& connected =
      families.Family(Hawser("sessions"), "Agents' sessions by cluster.", MetricType::Gauge);
  for (const auto& [name, count] : sessions) {
    if (connected.metric.size() == kMaxClusters) break;
    MetricFamilies::Add(connected, {{"cluster", name}}, count);
  }
  AddRoundTrips(families, snapshot);
  MetricFamily& bytes =
      families.Family(Hawser("bytes_total"), "Tunnelled bytes by cluster.", MetricType::Counter);
  tunnel::SessionCounters other;
  size_t clusters = 0;
  const auto add = [&bytes](const std::string& name, const tunnel::SessionCounters& counters) {
    MetricFamilies::Add(bytes, {{"cluster", name}, {"direction", "to_agent"}},
                        counters.bytes_to_peer);
    MetricFamilies::Add(bytes, {{"cluster", name}, {"direction", "from_agent"}},
                        counters.bytes_from_peer);
  };
  for (const auto& [name, counters] : snapshot.counters.agents) {
    stalls += counters.window_stalls;
    if (++clusters <= kMaxClusters) {
      add(name, counters);
    } else {
      other.Add(counters);
    }
  }
  if (clusters > kMaxClusters) add("(other)", other);
  families.Counter(Hawser("window_stalls_total"),
                   "Times a connection waited for window from an agent.", stalls);
}

void AddRequests(MetricFamilies& families, const std::string& verb,
                 const kube::RequestCounts::Picture& requests) {
  MetricFamily& total =
      families.Family(Konnectivity("lease_" + verb + "_total"),
                      "Requests to " + verb + " leases of servers.", MetricType::Counter);
  for (const auto& [answer, count] : requests.answers)
    MetricFamilies::Add(
        total, {{"http_status_code", std::to_string(answer.first)}, {"reason", answer.second}},
        count);
  MetricFamily& latencies = families.Family(Konnectivity("lease_" + verb + "_latency_seconds"),
                                            "Time that they took.", MetricType::Histogram);
  for (const auto& [code, histogram] : requests.latencies)
    MetricFamilies::Add(latencies, {{"http_status_code", std::to_string(code)}}, histogram);
}

void AddLeases(MetricFamilies& families, const LeaseCollector* leases) {
  families.Counter(Konnectivity("culled_leases_count"), "Expired leases that were removed.",
                   leases == nullptr ? 0 : leases->culled());
  if (leases == nullptr) return;
  AddRequests(families, "delete", leases->deletes().picture());
  AddRequests(families, "list", leases->lists().picture());
}

void AddCertificates(MetricFamilies& families, const MetricsInput& input) {
  MetricFamily& expiries =
      families.Family(Hawser("certificate_expiry_seconds"),
                      "When a certificate expires, in seconds since 1970.", MetricType::Gauge);
  MetricFamily& failures =
      families.Family(Hawser("certificate_reload_failures_total"),
                      "Changed certificates that could not be used.", MetricType::Counter);
  for (const auto& [name, picture] : input.certificates) {
    const std::chrono::duration<double> expiry = picture.expiry.time_since_epoch();
    MetricFamilies::Add(expiries, {{"certificate", name}}, expiry.count());
    MetricFamilies::Add(failures, {{"certificate", name}}, picture.reload_failures);
  }
}

}  // namespace

std::string MetricsText(const MetricsInput& input) {
  MetricFamilies families;
  const Counters& counters = input.snapshot.counters;
  tunnel::SessionCounters agents;
  for (const auto& [name, session] : counters.agents) agents.Add(session);
  AddDials(families, counters, agents.late_answers);
  AddConnections(families, input);
  AddCredentials(families, input.credentials);

  MetricFamily& packets = families.Family(Konnectivity("stream_packets_total"),
                                          "Packets by segment and type.", MetricType::Counter);
  AddPackets(packets, "from_client", counters.clients.packets_from_peer);
  AddPackets(packets, "to_client", counters.clients.packets_to_peer);
  AddPackets(packets, "from_agent", agents.packets_from_peer);
  AddPackets(packets, "to_agent", agents.packets_to_peer);

  AddStreamErrors(families, counters);
  AddLeases(families, input.leases);
  AddAgents(families, counters);
  AddClusters(families, input.snapshot);
  AddHandshakes(families, input.handshakes);
  families.Counter(Hawser("refused_requests_total"),
                   "CONNECT requests that were malformed, late or of another method.",
                   counters.refused_requests);
  families.Counter(Hawser("surplus_streams_total"),
                   "Dials of gRPC clients on more streams than a connection may have.",
                   counters.surplus_streams);
  families.Gauge(Hawser("buffered_bytes"), "Bytes queued for sockets that do not take them.",
                 input.memory.total()->used());
  AddLimits(families, input.registry, input.limits, input.handshakes, input.memory,
            input.connection_memory, input.pages);
  AddCertificates(families, input);
  const base::BuildInfo& build = base::GetBuildInfo();
  MetricFamily& info =
      families.Family(Hawser("build_info"), "Always 1; labels say what runs.", MetricType::Gauge);
  MetricFamilies::Add(info, {{"version", build.version}, {"commit", build.commit}}, 1);
  return families.Text();
}

}  // namespace hawser::hub
