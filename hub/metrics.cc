#include "hub/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <deque>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "lib/base/build_info.h"

namespace hawser::hub {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr char kServer[] = "konnectivity_network_proxy_server_";
constexpr char kHawser[] = "hawser_";

// Labelled by cluster, at most so many series; the rest is summed up as "(other)".
constexpr size_t kMaxClusters = 1000;

class Families {
 public:
  // A family to which Add() appends.
  MetricFamily& Family(const std::string& name, const std::string& help, MetricType type) {
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    families_.push_back(std::move(family));
    return families_.back();
  }
  void Gauge(const std::string& name, const std::string& help, double value) {
    Add(Family(name, help, MetricType::Gauge), {}, value);
  }
  void Counter(const std::string& name, const std::string& help, double value) {
    Add(Family(name, help, MetricType::Counter), {}, value);
  }
  static void Add(MetricFamily& family, Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family.metric.push_back(std::move(metric));
  }
  std::string Text() const {
    return prometheus::TextSerializer().Serialize({families_.begin(), families_.end()});
  }

 private:
  std::deque<MetricFamily> families_;  // references stay valid
};

// Konnectivity's label for a failed dial.
const char* DialFailureLabel(tunnel::Reason reason) {
  switch (reason) {
    case tunnel::Reason::kNoAgent: return "no_agent";
    case tunnel::Reason::kAgentLost: return "backend_close";
    case tunnel::Reason::kTimedOut: return "backend_dial_timeout";
    case tunnel::Reason::kCancelled: return "frontend_close";
    case tunnel::Reason::kProtocolError: return "unrecognized_response";
    default: return "error_response";
  }
}

void AddDials(Families& families, const Counters& counters) {
  MetricFamily& durations =
      families.Family(std::string(kServer) + "dial_duration_seconds",
                      "Time from the request of a dial to its success.", MetricType::Histogram);
  ClientMetric metric;
  uint64_t count = 0;
  for (size_t i = 0; i < counters.dials.buckets.size(); ++i) {
    count += counters.dials.buckets[i];
    const double bound = i < DialHistogram::kBounds.size()
                             ? DialHistogram::kBounds[i]
                             : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({count, bound});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = counters.dials.sum;
  durations.metric.push_back(std::move(metric));

  std::map<std::string, uint64_t> by_label;
  for (size_t i = 0; i < kReasons; ++i)
    by_label[DialFailureLabel(static_cast<tunnel::Reason>(i))] += counters.failed_dials[i];
  MetricFamily& failures = families.Family(std::string(kServer) + "dial_failure_count",
                                           "Dials that failed.", MetricType::Counter);
  for (const auto& [label, failed] : by_label) Families::Add(failures, {{"reason", label}}, failed);
  MetricFamily& reasons = families.Family(std::string(kHawser) + "dial_failures_total",
                                          "Dials that failed, by our reasons.", MetricType::Counter);
  for (size_t i = 0; i < kReasons; ++i) {
    const char* reason = tunnel::ReasonName(static_cast<tunnel::Reason>(i));
    Families::Add(reasons, {{"reason", reason}}, counters.failed_dials[i]);
  }
}

void AddPackets(MetricFamily& family, const char* segment,
                const std::array<uint64_t, tunnel::kPacketKinds>& packets) {
  for (size_t kind = 0; kind < packets.size(); ++kind)
    Families::Add(family, {{"segment", segment}, {"packet_type", tunnel::PacketKindName(kind)}},
                  packets[kind]);
}

void AddConnections(Families& families, const MetricsInput& input) {
  const std::string server = kServer;
  MetricFamily& grpc = families.Family(server + "grpc_connections", "Streams by service method.",
                                       MetricType::Gauge);
  Families::Add(grpc, {{"service_method", "Proxy"}}, input.snapshot.client_streams);
  Families::Add(grpc, {{"service_method", "Connect"}}, input.snapshot.agents.size());
  families.Gauge(server + "http_connections", "Connections of HTTP-CONNECT clients.",
                 input.limits.count(Port::kHttpConnect));
  families.Gauge(server + "ready_backend_connections", "Connected agents.",
                 input.snapshot.agents.size());
  families.Gauge(server + "pending_backend_dials", "Dials that wait for an agent's answer.",
                 input.registry.pending_dials());
  families.Gauge(server + "established_connections", "Open tunnelled connections.",
                 input.snapshot.connections());
  MetricFamily& ready = families.Family(server + "ready_backends",
                                        "Agents that a strategy can use.", MetricType::Gauge);
  for (const auto& [strategy, count] : input.registry.CountByStrategy())
    Families::Add(ready, {{"proxy_strategy", tunnel::StrategyName(strategy)}}, count);

  MetricFamily& open = families.Family(std::string(kHawser) + "connections",
                                       "Accepted connections by port.", MetricType::Gauge);
  MetricFamily& refused =
      families.Family(std::string(kHawser) + "refused_connections_total",
                      "Connections over a limit, by port.", MetricType::Counter);
  for (const Port port : {Port::kAgents, Port::kGrpc, Port::kHttpConnect}) {
    Families::Add(open, {{"port", PortName(port)}}, input.limits.count(port));
    Families::Add(refused, {{"port", PortName(port)}}, input.limits.refused(port));
  }
}

void AddClusters(Families& families, const Snapshot& snapshot) {
  std::map<std::string, size_t> sessions;
  uint64_t stalls = 0;
  for (const auto& [name, counters] : snapshot.counters.agents) sessions[name] = 0;
  for (const AgentPicture& agent : snapshot.agents) ++sessions[agent.name];
  MetricFamily& connected = families.Family(std::string(kHawser) + "sessions",
                                            "Agents' sessions by cluster.", MetricType::Gauge);
  for (const auto& [name, count] : sessions) {
    if (connected.metric.size() == kMaxClusters) break;
    Families::Add(connected, {{"cluster", name}}, count);
  }
  MetricFamily& bytes = families.Family(std::string(kHawser) + "bytes_total",
                                        "Tunnelled bytes by cluster.", MetricType::Counter);
  tunnel::SessionCounters other;
  size_t clusters = 0;
  const auto add = [&bytes](const std::string& name, const tunnel::SessionCounters& counters) {
    Families::Add(bytes, {{"cluster", name}, {"direction", "to_agent"}}, counters.bytes_to_peer);
    Families::Add(bytes, {{"cluster", name}, {"direction", "from_agent"}},
                  counters.bytes_from_peer);
  };
  for (const auto& [name, counters] : snapshot.counters.agents) {
    stalls += counters.window_stalls;
    if (++clusters <= kMaxClusters) {
      add(name, counters);
    } else {
      AddCounters(other, counters);
    }
  }
  if (clusters > kMaxClusters) add("(other)", other);
  families.Counter(std::string(kHawser) + "window_stalls_total",
                   "Times a connection waited for window from an agent.", stalls);
}

void AddExpiries(Families& families, const MetricsInput& input) {
  MetricFamily& family =
      families.Family(std::string(kHawser) + "certificate_expiry_seconds",
                      "When a certificate expires, in seconds since 1970.", MetricType::Gauge);
  const auto seconds = [](WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
  };
  const char* const kNames[] = {"agents", "front_end"};
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (input.certificate_expiry[i])
      Families::Add(family, {{"certificate", kNames[i]}}, seconds(*input.certificate_expiry[i]));
}

}  // namespace

std::string MetricsText(const MetricsInput& input) {
  Families families;
  const Counters& counters = input.snapshot.counters;
  AddDials(families, counters);
  AddConnections(families, input);

  tunnel::SessionCounters agents;
  for (const auto& [name, session] : counters.agents) AddCounters(agents, session);
  MetricFamily& packets = families.Family(std::string(kServer) + "stream_packets_total",
                                          "Packets by segment and type.", MetricType::Counter);
  AddPackets(packets, "from_client", counters.clients.packets_from_peer);
  AddPackets(packets, "to_client", counters.clients.packets_to_peer);
  AddPackets(packets, "from_agent", agents.packets_from_peer);
  AddPackets(packets, "to_agent", agents.packets_to_peer);

  AddClusters(families, input.snapshot);
  MetricFamily& refused = families.Family(std::string(kHawser) + "refused_agents_total",
                                          "Agents refused, by reason.", MetricType::Counter);
  for (const auto& [reason, count] : counters.refused_agents)
    Families::Add(refused, {{"reason", reason}}, count);
  families.Counter(std::string(kHawser) + "failed_handshakes_total",
                   "TLS handshakes that failed.", counters.failed_handshakes);
  families.Counter(std::string(kHawser) + "refused_requests_total",
                   "CONNECT requests that were malformed, late or of another method.",
                   counters.refused_requests);
  families.Gauge(std::string(kHawser) + "buffered_bytes",
                 "Bytes queued for sockets that do not take them.", input.queued_bytes);
  AddExpiries(families, input);
  const base::BuildInfo build = base::GetBuildInfo();
  MetricFamily& info = families.Family(std::string(kHawser) + "build_info",
                                       "Always 1; labels say what runs.", MetricType::Gauge);
  Families::Add(info, {{"version", build.version}, {"commit", build.commit}}, 1);
  return families.Text();
}

}  // namespace hawser::hub
