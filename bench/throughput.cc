#include "bench/throughput.h"

#include <sys/socket.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/process_usage.h"

namespace hawser::bench {
namespace {

constexpr size_t kBuffer = 256 * 1024;
// The target's /endless keeps its socket's buffer small, which a long link would show.
constexpr uint64_t kWithoutEnd = uint64_t{1} << 50;
constexpr double kGib = 1024.0 * 1024 * 1024;

}  // namespace

Flow::Flow(const Route& route, bool down)
    : fd_(route.Open()), thread_([this, down] { down ? Download() : Upload(); }) {}

Flow::~Flow() { shutdown(fd_.get(), SHUT_RDWR); }

void Flow::Download() {
  SendAll(fd_, "GET /bytes/" + std::to_string(kWithoutEnd) + " HTTP/1.1\r\n\r\n");
  const auto buffer = std::make_unique<char[]>(kBuffer);
  while (true) {
    const ssize_t more = recv(fd_.get(), buffer.get(), kBuffer, 0);
    if (more <= 0) return;
    received_.fetch_add(more, std::memory_order_relaxed);
  }
}

void Flow::Upload() {
  SendAll(fd_, "PUT /discard HTTP/1.1\r\n\r\n");
  const std::string buffer(kBuffer, 'x');
  while (send(fd_.get(), buffer.data(), buffer.size(), MSG_NOSIGNAL) > 0) {
  }
}

nlohmann::json MeasureThroughput(const ThroughputOptions& options) {
  const Fd control = ConnectTo(options.target);
  std::vector<std::unique_ptr<Flow>> flows;
  for (int i = 0; i < options.connections; ++i)
    flows.push_back(std::make_unique<Flow>(options.route, options.down));
  const auto arrived = [&] {
    if (!options.down) return TargetStat(control, "received");
    uint64_t sum = 0;
    for (const auto& flow : flows) sum += flow->received();
    return sum;
  };

  std::this_thread::sleep_for(options.warm_up);
  const auto begin = std::chrono::steady_clock::now();
  const uint64_t arrived_before = arrived();
  const double cpu_before = CpuSeconds(options.pids);
  std::this_thread::sleep_for(options.duration);
  const double cpu = CpuSeconds(options.pids) - cpu_before;
  const auto bytes = static_cast<double>(arrived() - arrived_before);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  return {{"gbit_per_second", bytes * 8 / elapsed.count() / 1e9},
          {"cpu_seconds_per_gib", bytes > 0 ? cpu / (bytes / kGib) : 0}};
}

}  // namespace hawser::bench
