#include "bench/latency.h"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/process_usage.h"

namespace hawser::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Connections opened and closed before idle ones are counted, so that what a process allocates
// once is not charged to them.
constexpr size_t kIdleWarmUp = 200;

double MicrosecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

nlohmann::json Percentiles(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const auto at = [&samples](double share) {
    return samples[static_cast<size_t>(share * static_cast<double>(samples.size() - 1))];
  };
  return {{"p50", at(0.50)}, {"p99", at(0.99)}};
}

}  // namespace

nlohmann::json MeasureDial(const Route& route, size_t count, bool at_once) {
  std::vector<double> dial, dial_echo;
  for (size_t i = 0; i < count; ++i) {
    const auto begin = Clock::now();
    const Fd fd = route.Open();
    dial.push_back(MicrosecondsSince(begin));
  }
  for (size_t i = 0; i < count; ++i) {
    const auto begin = Clock::now();
    const Fd fd = route.OpenEcho(at_once);
    dial_echo.push_back(MicrosecondsSince(begin));
  }
  return {{"dial_us", Percentiles(std::move(dial))},
          {"dial_echo_us", Percentiles(std::move(dial_echo))}};
}

nlohmann::json MeasureEcho(const Route& route, size_t count) {
  const Fd fd = route.OpenEcho();
  std::vector<double> samples;
  for (size_t i = 0; i < count; ++i) {
    const auto begin = Clock::now();
    EchoByte(fd);
    samples.push_back(MicrosecondsSince(begin));
  }
  return {{"echo_us", Percentiles(std::move(samples))}};
}

nlohmann::json MeasureRate(const Route& route, int parallel, std::chrono::milliseconds duration) {
  std::atomic<uint64_t> done{0};
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < parallel; ++i) {
      threads.emplace_back([&] {
        while (Clock::now() - begin < duration) {
          route.OpenEcho();
          ++done;
        }
      });
    }
  }
  return {{"connections_per_second", static_cast<double>(done) * 1e6 / MicrosecondsSince(begin)}};
}

nlohmann::json MeasureIdle(const Route& route, size_t count, const std::vector<pid_t>& pids) {
  const auto open = [&route](size_t number) {
    std::vector<Fd> connections;
    for (size_t i = 0; i < number; ++i) connections.push_back(route.OpenEcho());
    return connections;
  };
  open(kIdleWarmUp);
  std::vector<int64_t> before;
  for (const pid_t pid : pids) before.push_back(ResidentBytes(pid));
  const std::vector<Fd> idle = open(count);
  std::vector<double> bytes;
  for (size_t i = 0; i < pids.size(); ++i) {
    bytes.push_back(static_cast<double>(ResidentBytes(pids[i]) - before[i]) /
                    static_cast<double>(count));
  }
  return {{"idle_bytes", bytes}};
}

}  // namespace hawser::bench
