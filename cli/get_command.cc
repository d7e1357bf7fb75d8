// `hawser get`: clusters and sessions of a hub, through its control API.
#include <google/protobuf/util/json_util.h>

#include <chrono>
#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/lists.h"
#include "cli/table.h"
#include "lib/base/status.h"
#include "lib/control/client.h"

namespace hawser::cli {
namespace {

using control::Cluster;
using control::ClusterEvent;
using control::Session;
using std::chrono::system_clock;

struct GetOptions {
  bool watch = false;
  std::string cluster;
};

system_clock::time_point ToTime(const google::protobuf::Timestamp& time) {
  return system_clock::time_point(std::chrono::seconds(time.seconds()));
}

std::string SinceText(const google::protobuf::Timestamp& time) {
  return AgeText(
      std::chrono::duration_cast<std::chrono::seconds>(system_clock::now() - ToTime(time)));
}

template <typename Message>
std::string RoundTripCell(const Message& message) {
  if (!message.has_round_trip()) return "-";
  return RoundTripText(std::chrono::seconds(message.round_trip().seconds()) +
                       base::Duration(message.round_trip().nanos()));
}

template <typename Message>
std::string ExpiryCell(const Message& message) {
  if (!message.has_certificate_not_after()) return "-";
  return TimeText(ToTime(message.certificate_not_after()));
}

std::string StatusCell(control::State state) {
  switch (state) {
    case control::READY: return "Ready";
    case control::DRAINING: return "Draining";
    default: return "Unknown";
  }
}

const std::vector<std::string> kClusterColumns = {"NAME", "AGENTS",      "STATUS",      "SINCE",
                                                  "RTT",  "CONNECTIONS", "CERT-EXPIRES"};

std::vector<std::string> Row(const Cluster& cluster, bool gone = false) {
  return {cluster.name(),
          std::to_string(cluster.agents()),
          gone ? "Gone" : StatusCell(cluster.state()),
          SinceText(cluster.connected_since()),
          RoundTripCell(cluster),
          std::to_string(cluster.connections()),
          ExpiryCell(cluster)};
}

std::vector<std::string> Row(const Session& session) {
  return {session.id(),
          session.cluster(),
          session.agent_id(),
          session.address(),
          StatusCell(session.state()),
          SinceText(session.connected_since()),
          RoundTripCell(session),
          std::to_string(session.connections()),
          ExpiryCell(session)};
}

absl::Status PrintJson(const google::protobuf::Message& message, bool one_line) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = !one_line;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto printed = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!printed.ok()) return absl::InternalError("print as json: " + printed.ToString());
  std::cout << json << (one_line ? "\n" : "") << std::flush;
  return absl::OkStatus();
}

// Ends with an error when the hub does, or when nobody reads stdout any more.
absl::Status WatchClusters(control::Client& client, bool json) {
  absl::Status printed;
  Table table(kClusterColumns);
  bool synced = false;
  const auto print = [&](const ClusterEvent& event) {
    if (json) {
      printed = PrintJson(event, true);
    } else if (event.type() == ClusterEvent::SYNCED) {
      synced = true;
    } else {
      table.AddRow(Row(event.cluster(), event.type() == ClusterEvent::DELETED));
    }
    // The beginning is one table.
    if (synced) std::cout << table.Take() << std::flush;
    if (!std::cout.good()) printed = absl::DataLossError("write to stdout failed");
    return printed.ok();
  };
  HAWSER_RETURN_IF_ERROR(client.WatchClusters(print));
  return printed;
}

absl::Status GetClusters(const GlobalOptions& global, const GetOptions& options) {
  if (options.watch && global.control.empty())
    return absl::InvalidArgumentError(
        "a watch needs the control API: want --control or the environment's HAWSER_CONTROL");
  HAWSER_ASSIGN_OR_RETURN(control::Client client, Lists(global));
  if (options.watch) return WatchClusters(client, global.json());
  HAWSER_ASSIGN_OR_RETURN(const auto response, client.GetClusters());
  if (global.json()) return PrintJson(response, false);
  Table table(kClusterColumns);
  for (const Cluster& cluster : response.clusters()) table.AddRow(Row(cluster));
  std::cout << table.Take();
  return absl::OkStatus();
}

absl::Status GetSessions(const GlobalOptions& global, const GetOptions& options) {
  HAWSER_ASSIGN_OR_RETURN(control::Client client, Lists(global));
  HAWSER_ASSIGN_OR_RETURN(const auto response, client.GetSessions(options.cluster));
  if (global.json()) return PrintJson(response, false);
  Table table({"ID", "CLUSTER", "AGENT", "ADDRESS", "STATUS", "SINCE", "RTT", "CONNECTIONS",
               "CERT-EXPIRES"});
  for (const Session& session : response.sessions()) table.AddRow(Row(session));
  std::cout << table.Take();
  return absl::OkStatus();
}

}  // namespace

void AddGetCommand(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<GetOptions>();
  CLI::App& get = *app.add_subcommand("get", "List clusters or sessions of a hub");
  get.require_subcommand(1);
  CLI::App& clusters = *get.add_subcommand("clusters", "List clusters with connected agents");
  clusters.add_flag("-w,--watch", options->watch, "Then print every change");
  clusters.callback([=, &invocation] {
    invocation.action = [=, &invocation] { return GetClusters(invocation.global, *options); };
  });

  CLI::App& sessions = *get.add_subcommand("sessions", "List the agents' sessions");
  sessions.add_option("--cluster", options->cluster, "Only those of this cluster")
      ->type_name("NAME");
  sessions.callback([=, &invocation] {
    invocation.action = [=, &invocation] { return GetSessions(invocation.global, *options); };
  });
  // Last, or every subcommand would inherit it.
  get.footer(
      "  hawser get clusters --control unix:/run/hawser/control.sock\n"
      "  hawser get clusters --hub hub.example:8090\n"
      "  hawser get clusters -w\n"
      "  hawser get sessions --cluster paris -o json");
}

}  // namespace hawser::cli
