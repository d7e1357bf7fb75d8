// Bytes per second over long-lived connections, and what they cost in CPU.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>
#include <vector>

#include "bench/route.h"

namespace hawser::bench {

struct ThroughputOptions {
  Route route;
  std::string target;  // direct address, to ask how much arrived
  bool down = true;    // from the target; otherwise to it
  int connections = 1;
  std::chrono::milliseconds warm_up{500};
  std::chrono::milliseconds duration{3000};
  std::vector<pid_t> pids;  // whose CPU time counts
};

// A connection and the thread that keeps it busy until the object goes away.
class Flow {
 public:
  Flow(const Route& route, bool down);
  ~Flow();

  // Bytes of a download so far; any thread.
  uint64_t received() const { return received_; }

 private:
  void Download();
  void Upload();

  Fd fd_;
  std::atomic<uint64_t> received_{0};
  std::jthread thread_;  // last: it uses the members above and is joined before they go
};

// {"gbit_per_second", "cpu_seconds_per_gib"}, over `duration` after `warm_up`, counted where the
// bytes arrive.
nlohmann::json MeasureThroughput(const ThroughputOptions& options);

}  // namespace hawser::bench
