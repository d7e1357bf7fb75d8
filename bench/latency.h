// How long single events take, how many fit in a second, and what a connection costs that does
// nothing.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "bench/route.h"

namespace hawser::bench {

// One connection after another, `count` times: {"dial_us", "dial_echo_us"}, each {"p50", "p99"}.
// A dial ends with the proxy's 200 (without CONNECT: with the TCP handshake), dial + echo with a
// byte back from the target.
nlohmann::json MeasureDial(const Route& route, size_t count, bool at_once);

// A byte there and back on one open connection, `count` times: {"echo_us": {"p50", "p99"}}.
nlohmann::json MeasureEcho(const Route& route, size_t count);

// Dial, echo, close, in `parallel` threads: {"connections_per_second"}.
nlohmann::json MeasureRate(const Route& route, int parallel, std::chrono::milliseconds duration);

// Opens `count` connections and leaves them idle: {"idle_bytes": [per connection, for each pid]}.
nlohmann::json MeasureIdle(const Route& route, size_t count, const std::vector<pid_t>& pids);

}  // namespace hawser::bench
