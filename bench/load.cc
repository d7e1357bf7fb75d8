// The load driver: measures one figure on one route and prints it as JSON. bench/run.py compares.
//
//   load throughput --via unix:/run/hub.sock --connect 127.0.0.1:9000.paris --target 127.0.0.1:9000

#include <CLI/CLI.hpp>
#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "bench/latency.h"
#include "bench/route.h"
#include "bench/sockets.h"
#include "bench/throughput.h"

namespace hawser::bench {
namespace {

// Until downloads beside the others fill their link.
constexpr std::chrono::seconds kBulkWarmUp{2};

struct Options {
  ThroughputOptions throughput;
  std::string direction = "down";
  double seconds = 3;
  size_t count = 1000;
  int parallel = 16;
  size_t unread = 0;
  size_t bulk = 0;
  bool at_once = false;
};

void AddOptions(CLI::App& app, Options& options) {
  ThroughputOptions& common = options.throughput;
  app.add_option("--via", common.route.via, "address to connect to, or unix:/path")->required();
  app.add_option("--connect", common.route.connect, "authority to CONNECT to");
  app.add_option("--target", common.target, "the target's direct address")->required();
  app.add_option("--pids", common.pids, "processes whose CPU time and memory count")
      ->delimiter(',');
  app.add_option("--unread", options.unread, "connections that are never read, beside the others");
  app.add_option("--bulk", options.bulk, "downloads that go on beside the others");
  app.require_subcommand(1);
  app.fallthrough();  // common options may follow the subcommand

  CLI::App* throughput = app.add_subcommand("throughput", "long-lived connections");
  throughput->add_option("--direction", options.direction)->check(CLI::IsMember({"down", "up"}));
  throughput->add_option("--connections", common.connections);
  throughput->add_option("--seconds", options.seconds);
  CLI::App* dial = app.add_subcommand("dial", "latency of new connections");
  dial->add_option("--count", options.count);
  dial->add_flag("--at-once", options.at_once, "requests do not wait for the answer to CONNECT");
  app.add_subcommand("echo", "latency of an open connection")->add_option("--count", options.count);
  CLI::App* rate = app.add_subcommand("rate", "connections per second");
  rate->add_option("--parallel", options.parallel);
  rate->add_option("--seconds", options.seconds);
  app.add_subcommand("idle", "memory per idle connection")->add_option("--count", options.count);
}

nlohmann::json Measure(const std::string& what, Options& options) {
  RaiseDescriptorLimit();
  ThroughputOptions& common = options.throughput;
  common.duration = std::chrono::milliseconds(static_cast<int64_t>(options.seconds * 1000));
  common.down = options.direction == "down";
  std::vector<Fd> unread;
  if (options.unread > 0) unread = OpenUnread(common.route, common.target, options.unread);
  std::vector<std::unique_ptr<Flow>> bulk;
  for (size_t i = 0; i < options.bulk; ++i)
    bulk.push_back(std::make_unique<Flow>(common.route, /*down=*/true));
  if (options.bulk > 0) std::this_thread::sleep_for(kBulkWarmUp);
  if (what == "throughput") return MeasureThroughput(common);
  if (what == "dial") return MeasureDial(common.route, options.count, options.at_once);
  if (what == "echo") return MeasureEcho(common.route, options.count);
  if (what == "rate") return MeasureRate(common.route, options.parallel, common.duration);
  return MeasureIdle(common.route, options.count, common.pids);
}

}  // namespace
}  // namespace hawser::bench

int main(int argc, char** argv) {
  hawser::bench::Options options;
  CLI::App app("Measures one figure on one route");
  hawser::bench::AddOptions(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    const std::string what = app.get_subcommands().front()->get_name();
    std::cout << hawser::bench::Measure(what, options) << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "load: " << error.what() << "\n";
    return 1;
  }
}
