// So many per second, and a few at once: a pure value that never sleeps and asks no clock.
#pragma once

#include "lib/base/scheduler.h"

namespace hawser::kube {

class TokenBucket {
 public:
  // `burst` is at least one. A rate of zero or less is no limit.
  TokenBucket(double per_second, double burst, base::Time now)
      : per_second_(per_second), burst_(burst), tokens_(burst), at_(now) {}

  // Takes a token and returns how long to wait for it; zero when there is one.
  base::Duration Take(base::Time now);
  // The last token was not used after all.
  void GiveBack() { tokens_ += 1; }

 private:
  const double per_second_;
  const double burst_;
  double tokens_;  // negative when some are owed
  base::Time at_;
};

}  // namespace hawser::kube
