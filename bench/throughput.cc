#include "bench/throughput.h"

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/process_usage.h"

namespace hawser::bench {
namespace {

constexpr size_t kBuffer = 256 * 1024;
constexpr double kGib = 1024.0 * 1024 * 1024;

// A connection and the thread that keeps it busy until the object goes away.
class Flow {
 public:
  explicit Flow(const ThroughputOptions& options)
      : fd_(options.route.Open()),
        thread_([this, down = options.down] { down ? Download() : Upload(); }) {}
  ~Flow() { shutdown(fd_.get(), SHUT_RDWR); }

  uint64_t received() const { return received_; }

 private:
  void Download() {
    SendAll(fd_, "GET /endless HTTP/1.1\r\n\r\n");
    const auto buffer = std::make_unique<char[]>(kBuffer);
    while (true) {
      const ssize_t more = recv(fd_.get(), buffer.get(), kBuffer, 0);
      if (more <= 0) return;
      received_.fetch_add(more, std::memory_order_relaxed);
    }
  }

  void Upload() {
    SendAll(fd_, "PUT /discard HTTP/1.1\r\n\r\n");
    const std::string buffer(kBuffer, 'x');
    while (send(fd_.get(), buffer.data(), buffer.size(), MSG_NOSIGNAL) > 0) {
    }
  }

  Fd fd_;
  std::atomic<uint64_t> received_{0};
  std::jthread thread_;  // last: it uses the members above and is joined before they go
};

}  // namespace

nlohmann::json MeasureThroughput(const ThroughputOptions& options) {
  const Fd control = ConnectTo(options.target);
  std::vector<std::unique_ptr<Flow>> flows;
  for (int i = 0; i < options.connections; ++i) flows.push_back(std::make_unique<Flow>(options));
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
