// Delays before trying again, and a pause that a stop ends.
#pragma once

#include <stop_token>

#include "lib/base/scheduler.h"

namespace hawser::kube {

// Exponential back-off as a pure value: it begins with `first` and doubles up to `cap`; of each
// delay half is fixed and half random, so that those who failed together do not return together.
class Backoff {
 public:
  Backoff(base::Duration first, base::Duration cap) : first_(first), cap_(cap) {}

  // `random` is uniform in [0, 1).
  base::Duration Next(double random);
  void Reset() { failures_ = 0; }

 private:
  base::Duration first_;
  base::Duration cap_;
  int failures_ = 0;  // since the last Reset()
};

// Uniform in [0, 1). Threads: any.
double Random();

// Waits; returns false as soon as a stop is requested.
bool Pause(base::Duration duration, const std::stop_token& stop);

}  // namespace hawser::kube
