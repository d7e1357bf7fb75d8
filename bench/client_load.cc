// Measures the latency of new tunnels with our own client library, whose first bytes go with the
// dial, and prints it as JSON, as bench/load does.
//
//   client_load --hub unix:/run/hub.sock --address target.paris:9000 --count 20

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/route.h"
#include "lib/client/dialer.h"

namespace hawser::bench {
namespace {

// Until the target's first byte is there: milliseconds since the dial. Throws what failed.
double FirstAnswer(client::Dialer& dialer, const std::string& address) {
  const auto begin = std::chrono::steady_clock::now();
  auto stream = dialer.Dial(address, {.first_bytes = kEchoRequest});
  if (!stream.ok()) throw std::runtime_error(stream.status().ToString());
  std::array<char, 4096> space;
  const auto read = stream->Read(space);
  if (!read.ok() || *read == 0) throw std::runtime_error("the target said nothing");
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
      .count();
}

void Run(const std::string& hub, const std::string& address, size_t count) {
  auto dialer = client::Dialer::Make({.hub = hub});
  if (!dialer.ok()) throw std::runtime_error(dialer.status().ToString());
  FirstAnswer(**dialer, address);  // connects to the hub
  std::vector<double> samples;
  for (size_t i = 0; i < count; ++i) samples.push_back(FirstAnswer(**dialer, address));
  std::sort(samples.begin(), samples.end());
  const nlohmann::json result = {{"dial_echo_us", {{"p50", samples[samples.size() / 2]}}}};
  std::cout << result << std::endl;
}

}  // namespace
}  // namespace hawser::bench

int main(int argc, char** argv) {
  std::string hub, address;
  size_t count = 20;
  CLI::App app("Measures the latency of new tunnels with our client library");
  app.add_option("--hub", hub, "the gRPC front end")->required();
  app.add_option("--address", address, "what to dial")->required();
  app.add_option("--count", count, "tunnels")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  try {
    hawser::bench::Run(hub, address, count);
  } catch (const std::exception& error) {
    std::cerr << "client_load: " << error.what() << "\n";
    return 1;
  }
}
