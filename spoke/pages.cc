#include "spoke/pages.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "lib/base/build_info.h"
#include "lib/base/duration.h"

namespace hawser::spoke {
namespace {

using base::MetricFamilies;
using prometheus::MetricFamily;
using prometheus::MetricType;

const std::string kAgent = "konnectivity_network_proxy_agent_";

double Seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

void AddDials(MetricFamilies& families, const Counters& counters) {
  families.Durations(kAgent + "dial_duration_seconds",
                     "Time from the request of a dial to its success.", counters.dials);
  const auto timed_out = static_cast<size_t>(tunnel::Reason::kTimedOut);
  uint64_t failed = 0;
  MetricFamily& reasons = families.Family("hawser_dial_failures_total",
                                          "Dials that failed, by reason.", MetricType::Counter);
  for (size_t i = 0; i < tunnel::kReasons; ++i) {
    failed += counters.failed_dials[i];
    const char* reason = tunnel::ReasonName(static_cast<tunnel::Reason>(i));
    MetricFamilies::Add(reasons, {{"reason", reason}}, counters.failed_dials[i]);
  }
  MetricFamily& failures = families.Family(kAgent + "endpoint_dial_failure_total",
                                           "Dials that failed.", MetricType::Counter);
  const uint64_t timeouts = counters.failed_dials[timed_out];
  MetricFamilies::Add(failures, {{"reason", "timeout"}}, timeouts);
  MetricFamilies::Add(failures, {{"reason", "unknown"}}, failed - timeouts);
}

void AddLinks(MetricFamilies& families, const Picture& picture) {
  families.Gauge(kAgent + "open_server_connections", "Servers this agent is linked to.",
                 picture.linked);
  families.Gauge(kAgent + "known_server_count", "Servers this agent should be linked to.",
                 picture.wanted);
  uint64_t lost = 0;
  MetricFamily& losses =
      families.Family("hawser_lost_links_total", "Links to servers that were lost, by reason.",
                      MetricType::Counter);
  for (const auto& [code, count] : picture.counters.lost_links) {
    MetricFamilies::Add(losses, {{"reason", code}}, count);
    lost += count;
  }
  MetricFamily& failures = families.Family(kAgent + "server_connection_failure_count",
                                           "Links to servers that failed.", MetricType::Counter);
  MetricFamilies::Add(failures, {{"direction", "to_server"}}, picture.counters.failed_attempts);
  MetricFamilies::Add(failures, {{"direction", "from_server"}}, lost);
  MetricFamily& round_trips = families.Family(
      "hawser_round_trip_seconds", "Round trip to a server, measured last.", MetricType::Gauge);
  for (const auto& [server, round_trip] : picture.round_trips)
    MetricFamilies::Add(round_trips, {{"server", server}}, Seconds(round_trip));
}

void AddPackets(MetricFamily& family, const char* segment,
                const std::array<uint64_t, tunnel::kPacketKinds>& packets) {
  for (size_t kind = 0; kind < packets.size(); ++kind)
    MetricFamilies::Add(family,
                        {{"segment", segment}, {"packet_type", tunnel::PacketKindName(kind)}},
                        packets[kind]);
}

void AddSessions(MetricFamilies& families, const Picture& picture) {
  const tunnel::SessionCounters& sum = picture.sessions;
  families.Gauge(kAgent + "open_endpoint_connections", "Open connections to targets.",
                 picture.open_connections);
  MetricFamily& packets = families.Family(kAgent + "stream_packets_total",
                                          "Packets by segment and type.", MetricType::Counter);
  AddPackets(packets, "to_agent", sum.packets_from_peer);
  AddPackets(packets, "from_agent", sum.packets_to_peer);
  MetricFamily& errors =
      families.Family(kAgent + "stream_errors_total",
                      "Streams that ended with an error, by its code.", MetricType::Counter);
  for (const auto& [code, count] : picture.counters.stream_errors)
    MetricFamilies::Add(
        errors, {{"segment", "to_agent"}, {"code", code}, {"packet_type", "Unknown"}}, count);
  MetricFamily& bytes =
      families.Family("hawser_bytes_total", "Tunnelled bytes.", MetricType::Counter);
  MetricFamilies::Add(bytes, {{"direction", "to_target"}}, sum.bytes_from_peer);
  MetricFamilies::Add(bytes, {{"direction", "from_target"}}, sum.bytes_to_peer);
  families.Counter("hawser_window_stalls_total", "Times a connection waited for window.",
                   sum.window_stalls);
}

void AddLeases(MetricFamilies& families, const Picture& picture) {
  const auto add = [&](const char* name, const char* help,
                       const kube::RequestCounts::Picture& requests) {
    MetricFamily& family = families.Family(kAgent + name, help, MetricType::Counter);
    for (const auto& [answer, count] : requests.answers)
      MetricFamilies::Add(
          family, {{"http_response_code", std::to_string(answer.first)}, {"reason", answer.second}},
          count);
  };
  add("lease_lists_total", "Lists of the servers' leases that were asked for.",
      picture.lease_lists);
  add("lease_watches_total", "Watches of the servers' leases that were asked for.",
      picture.lease_watches);
  MetricFamily& latencies =
      families.Family(kAgent + "lease_list_latency_seconds",
                      "Time that a list of the servers' leases took.", MetricType::Histogram);
  for (const auto& [code, histogram] : picture.lease_lists.latencies)
    MetricFamilies::Add(latencies, {{"http_response_code", std::to_string(code)}}, histogram);
}

void AddHealthLease(MetricFamilies& families, const Picture& picture) {
  if (!picture.health_lease.has_value()) return;
  MetricFamily& family =
      families.Family("hawser_health_lease_renewals_total",
                      "Renewals of the health lease, by result.", MetricType::Counter);
  MetricFamilies::Add(family, {{"result", "renewed"}}, picture.health_lease->renewed);
  MetricFamilies::Add(family, {{"result", "failed"}}, picture.health_lease->failed);
}

void AddLookups(MetricFamilies& families, const LookupPicture& names) {
  families.Gauge("hawser_lookups_in_flight", "Lookups of targets that wait for name servers.",
                 names.waiting);
  families.Gauge("hawser_lookups_limit", "Lookups of targets that may wait at a time.",
                 names.max_lookups);
  families.Gauge("hawser_lookups_share_limit", "Those that one client may cause.", names.max_share);
  const net::Resolver::Counters& counts = names.counters;
  MetricFamily& lookups = families.Family(
      "hawser_lookups_total", "Lookups of targets, by what answered them.", MetricType::Counter);
  MetricFamilies::Add(lookups, {{"source", "files"}}, counts.from_files);
  MetricFamilies::Add(lookups, {{"source", "cache"}}, counts.from_cache);
  MetricFamilies::Add(lookups, {{"source", "joined"}}, counts.joined);
  MetricFamilies::Add(lookups, {{"source", "dns"}}, counts.asked);
  MetricFamily& refused =
      families.Family("hawser_lookups_refused_total", "Lookups of targets that were given up.",
                      MetricType::Counter);
  MetricFamilies::Add(refused, {{"reason", "share"}}, counts.beyond_share);
  MetricFamilies::Add(refused, {{"reason", "total"}}, counts.beyond_total);
  MetricFamilies::Add(refused, {{"reason", "descriptors"}}, counts.out_of_descriptors);
}

void AddCertificate(MetricFamilies& families, const Picture& picture) {
  families.Counter("hawser_certificate_reload_failures_total",
                   "Changes of certificates on disk that could not be taken over.",
                   picture.failed_reloads);
  if (!picture.certificate_expiry) return;
  families.Gauge(
      "hawser_certificate_expiry_seconds",
      "When this agent's certificate expires, in seconds since 1970.",
      std::chrono::duration<double>(picture.certificate_expiry->time_since_epoch()).count());
}

// Everything scarce: how much there is, how much is in use, and what was refused or taken back for
// want of it, by the limit that was met.
void AddScarce(MetricFamilies& families, const Picture& picture) {
  struct Resource {
    const char* name;
    uint64_t in_use, total, share;
    const char* whose;  // the share
  };
  const LookupPicture& lookups = picture.lookups;
  const Resource resources[] = {
      {"page_connections", picture.page_connections, picture.page_connections_limit,
       picture.page_connections_share, "address"},
      {"buffered_bytes", picture.buffered_bytes, picture.buffered_bytes_limit,
       picture.buffered_bytes_share, "identity"},
      {"descriptors", picture.descriptors, picture.descriptor_limit, picture.descriptor_share,
       "identity"},
      {"lookups", lookups.waiting, lookups.max_lookups, lookups.max_share, "identity"},
  };
  MetricFamily& in_use = families.Family("hawser_resource_in_use",
                                         "What is scarce and in use, in all.", MetricType::Gauge);
  MetricFamily& limits = families.Family("hawser_resource_limit",
                                         "How much there is in all, and for one client or address.",
                                         MetricType::Gauge);
  for (const Resource& resource : resources) {
    MetricFamilies::Add(in_use, {{"resource", resource.name}}, resource.in_use);
    MetricFamilies::Add(limits, {{"resource", resource.name}, {"limit", "total"}}, resource.total);
    MetricFamilies::Add(limits, {{"resource", resource.name}, {"limit", resource.whose}},
                        resource.share);
  }
  const auto add = [](MetricFamily& family, const char* resource, const char* whose, uint64_t share,
                      uint64_t total) {
    MetricFamilies::Add(family, {{"resource", resource}, {"limit", whose}}, share);
    MetricFamilies::Add(family, {{"resource", resource}, {"limit", "total"}}, total);
  };
  MetricFamily& refusals = families.Family(
      "hawser_refusals_total", "Dials that were refused, by what was short.", MetricType::Counter);
  add(refusals, "descriptors", "identity", picture.refused_for_descriptor_share,
      picture.refused_for_descriptors);
  add(refusals, "buffered_bytes", "identity", picture.memory_share.refused_dials,
      picture.memory_total.refused_dials);
  MetricFamily& resets =
      families.Family("hawser_resets_total", "What was taken back since there was too little.",
                      MetricType::Counter);
  add(resets, "buffered_bytes", "identity", picture.memory_share.reset_queues,
      picture.memory_total.reset_queues);
  add(resets, "page_connections", "address", picture.dropped_pages.for_address,
      picture.dropped_pages.for_total);
  add(resets, "lookups", "identity", lookups.counters.beyond_share, lookups.counters.beyond_total);
}

}  // namespace

Readiness CheckReadiness(const ServerSet& servers, bool stopping) {
  Readiness readiness{.ready = servers.linked() > 0 && !stopping};
  for (const auto& server : servers.servers()) {
    const std::string address = FormatHostPort(server->address);
    if (const ServerLink* link = server->link()) {
      readiness.text += "[+]server " + link->server().id + " at " + address + " linked\n";
    } else {
      const std::string why(server->last_failure.message());
      readiness.text += "[-]server at " + address + " " + StateName(server->reconnector->state()) +
                        (why.empty() ? "" : ": " + why) + "\n";
    }
  }
  if (stopping) readiness.text += "[-]stopping\n";
  return readiness;
}

std::string MetricsText(const Picture& picture) {
  MetricFamilies families;
  AddDials(families, picture.counters);
  AddLinks(families, picture);
  AddSessions(families, picture);
  AddLeases(families, picture);
  AddHealthLease(families, picture);
  AddLookups(families, picture.lookups);
  families.Gauge("hawser_buffered_bytes", "Bytes queued for targets that do not take them.",
                 picture.buffered_bytes);
  AddScarce(families, picture);
  AddCertificate(families, picture);
  const base::BuildInfo& build = base::GetBuildInfo();
  MetricFamily& info =
      families.Family("hawser_build_info", "Always 1; labels say what runs.", MetricType::Gauge);
  MetricFamilies::Add(info, {{"version", build.version}, {"commit", build.commit}}, 1);
  return families.Text();
}

std::string ConnectionsJson(const std::vector<ConnectionPicture>& connections) {
  nlohmann::json list = nlohmann::json::array();
  for (const ConnectionPicture& connection : connections) {
    list.push_back({{"server", connection.server},
                    {"id", connection.id},
                    {"age", Seconds(connection.age)},
                    {"bytes_to_target", connection.bytes_to_target},
                    {"bytes_from_target", connection.bytes_from_target},
                    {"queued_bytes", connection.queued}});
    if (connection.send_window) list.back()["send_window"] = *connection.send_window;
  }
  // Servers' names may hold any byte: what is not UTF-8 is replaced.
  return list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace hawser::spoke
