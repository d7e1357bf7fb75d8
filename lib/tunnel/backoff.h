// When to try again: exponential back-off with full jitter, as a pure value. It never sleeps and
// asks no clock; the caller brings the time and the random number.
//
//   Backoff backoff({}, scheduler.Now());
//   timer.Set(backoff.Next(scheduler.Now(), random()), [] { Connect(); });
//
// A short outage must not cost more than itself: in its first second delays stay below 0.8 s, so
// that whoever loses a server that is back within a second finds it within another one. Only
// links that lived for a while earn that again, or a server that takes and drops links at once
// would be asked forever at that pace.
#pragma once

#include "lib/base/scheduler.h"

namespace hawser::tunnel {

class Backoff {
 public:
  struct Policy {
    // A delay is drawn from [0, limit); the limit begins with `first` and doubles up to `cap`.
    base::Duration first = std::chrono::milliseconds(200);
    base::Duration cap = std::chrono::seconds(10);
    // The limit begins anew after a link that lived so long.
    base::Duration healthy = std::chrono::seconds(30);
    // While an outage is younger than `outage`, no limit is above `outage_cap`. A link that lived
    // for `outage_after` begins a new outage when it is lost.
    base::Duration outage = std::chrono::seconds(1);
    base::Duration outage_cap = std::chrono::milliseconds(800);
    base::Duration outage_after = std::chrono::seconds(1);
  };

  // The first outage begins now.
  Backoff(const Policy& policy, base::Time now)
      : policy_(policy), limit_(policy.first), outage_began_(now) {}

  // The delay before the next attempt. `random` is uniform in [0, 1).
  base::Duration Next(base::Time now, double random);
  // A link that was up since `up_since` is lost.
  void OnLost(base::Time now, base::Time up_since);

 private:
  Policy policy_;
  base::Duration limit_;
  base::Time outage_began_;
};

}  // namespace hawser::tunnel
