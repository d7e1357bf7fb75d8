// `hawser check`: whether each cluster's kube-apiserver can be reached through the hub.
#include <algorithm>
#include <atomic>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/command.h"
#include "cli/dialer_options.h"
#include "cli/lists.h"
#include "cli/table.h"
#include "lib/base/host_port.h"
#include "lib/base/status.h"
#include "lib/client/dial_error.h"

namespace hawser::cli {
namespace {

constexpr size_t kDialsAtOnce = 32;

struct Options {
  std::vector<std::string> clusters;
  std::string timeout = "10s";
};

struct Check {
  std::string cluster;
  absl::Status status;
  base::Duration took{};
};

absl::StatusOr<std::vector<Check>> ChecksFor(const GlobalOptions& global, const Options& options) {
  std::vector<Check> checks;
  for (const std::string& cluster : options.clusters) {
    HAWSER_RETURN_IF_ERROR(base::ParseHostPort(cluster + ":443").status());
    checks.push_back({.cluster = cluster});
  }
  if (!checks.empty()) return checks;
  HAWSER_ASSIGN_OR_RETURN(control::Client client, Lists(global));
  HAWSER_ASSIGN_OR_RETURN(const auto response, client.GetClusters());
  for (const control::Cluster& cluster : response.clusters())
    checks.push_back({.cluster = cluster.name()});
  // A check of nothing would pass while every agent is gone.
  if (checks.empty()) return absl::UnavailableError("no cluster is connected to the hub");
  return checks;
}

// Some at a time: a silent cluster holds up others only when there are many like it.
void DialAll(client::Dialer& dialer, const client::DialOptions& dial, std::vector<Check>& checks) {
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < checks.size(); i = next++) {
      Check& check = checks[i];
      const base::Time began = base::Clock::now();
      check.status = dialer.Dial(check.cluster + ":443", dial).status();
      check.took = base::Clock::now() - began;
    }
  };
  std::vector<std::thread> threads(std::min(kDialsAtOnce, checks.size()));
  for (std::thread& thread : threads) thread = std::thread(work);
  for (std::thread& thread : threads) thread.join();
}

nlohmann::json ToJson(const Check& check) {
  nlohmann::json json = {
      {"cluster", check.cluster},
      {"ok", check.status.ok()},
      {"seconds", std::chrono::duration<double>(check.took).count()},
  };
  if (!check.status.ok()) json["error"] = std::string(check.status.message());
  return json;
}

void Print(const std::vector<Check>& checks, bool as_json) {
  if (as_json) {
    nlohmann::json all = nlohmann::json::array();
    for (const Check& check : checks) all.push_back(ToJson(check));
    std::cout << nlohmann::json{{"checks", all}}.dump() << "\n";
    return;
  }
  Table table({"CLUSTER", "TIME", "RESULT"});
  for (const Check& check : checks)
    table.AddRow({check.cluster, RoundTripText(check.took),
                  check.status.ok() ? "ok" : std::string(check.status.message())});
  std::cout << table.Take();
}

absl::Status CheckClusters(const GlobalOptions& global, const Options& options) {
  HAWSER_ASSIGN_OR_RETURN(const auto dial, ParseDialOptions(options.timeout));
  HAWSER_ASSIGN_OR_RETURN(const auto dialer, MakeDialer(global));
  HAWSER_ASSIGN_OR_RETURN(std::vector<Check> checks, ChecksFor(global, options));
  DialAll(*dialer, dial, checks);
  Print(checks, global.json());
  const auto failed = std::count_if(checks.begin(), checks.end(),
                                    [](const Check& check) { return !check.status.ok(); });
  if (failed == 0) return absl::OkStatus();
  return absl::UnknownError(
      absl::StrCat("check: ", failed, " of ", checks.size(), " clusters cannot be reached"));
}

}  // namespace

void AddCheckCommand(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App& check = *app.add_subcommand(
      "check",
      "Dial the kube-apiserver of each connected cluster\n\nOne line for each; fails when one of "
      "them cannot be reached, or when there is none.");
  check.footer(
      "  hawser check\n"
      "  hawser check paris tokyo --timeout 3s");
  check.add_option("CLUSTER", options->clusters, "Only these, connected or not");
  check.add_option("--timeout", options->timeout, "How long each dial may take")
      ->type_name("DURATION")
      ->capture_default_str();
  check.callback([=, &invocation] {
    invocation.action = [=, &invocation] { return CheckClusters(invocation.global, *options); };
  });
}

}  // namespace hawser::cli
