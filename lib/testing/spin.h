// Work that takes its time: keeps the processor busy for at least `time`.
#pragma once

#include <chrono>

namespace hawser::testing {

inline void Spin(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace hawser::testing
