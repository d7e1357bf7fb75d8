#include "lib/kube/backoff.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

namespace hawser::kube {
namespace {

constexpr int kMaxDoublings = 30;

}  // namespace

base::Duration Backoff::Next(double random) {
  base::Duration delay = first_;
  for (int i = 0; i < std::min(failures_, kMaxDoublings) && delay < cap_; ++i) delay *= 2;
  ++failures_;
  delay = std::min(delay, cap_);
  return std::chrono::duration_cast<base::Duration>(delay * (0.5 + random / 2));
}

double Random() {
  thread_local std::minstd_rand engine{std::random_device{}()};
  return std::uniform_real_distribution<double>()(engine);
}

bool Pause(base::Duration duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace hawser::kube
