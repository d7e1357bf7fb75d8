// When to try again: exponential back-off with jitter, as a pure value. It never sleeps and asks no
// clock; the caller brings the time and the random number.
//
//   Backoff backoff({}, scheduler.Now());
//   timer.Set(backoff.Next(scheduler.Now(), random()), [] { Connect(); });
//
// It keeps two promises. A short outage must not cost more than itself: in its first second delays
// stay below 0.8 s, so that whoever loses a server that is back within a second finds it within
// another one. Behind a balancer only chance leads to a server that is missing among others:
// attempts that lead to the others are repeated every second or two for a while, so that it is
// found within half a minute. And a server that is out of order for long, in whatever way, is asked
// ten times a minute at most, but while it is looked for among others: once the limit has reached
// the cap a delay is at least half of it, and links that die young earn a prompt attempt a few
// times only.
#pragma once

#include <chrono>
#include <optional>

#include "lib/base/scheduler.h"

namespace hawser::tunnel {

class Backoff {
 public:
  struct Policy {
    // A delay is drawn from [0, limit), where the limit begins with `first` and doubles up to
    // `cap`; there it is drawn from [cap / 2, cap).
    base::Duration first = std::chrono::milliseconds(200);
    base::Duration cap = std::chrono::seconds(12);
    // The limit begins anew after a link that lived so long: less than pings need to find out that
    // a link is dead, so that this is always followed by a prompt attempt.
    base::Duration healthy = std::chrono::seconds(20);
    // While an outage is younger than `outage`, no limit is above `outage_cap`. A link that lived
    // for `outage_after` begins a new outage when it is lost, but only `young_outages` times until
    // a link has been healthy.
    base::Duration outage = std::chrono::seconds(1);
    base::Duration outage_cap = std::chrono::milliseconds(800);
    base::Duration outage_after = std::chrono::seconds(1);
    int young_outages = 5;
    // For so long a server among several is looked for at a pace between these delays.
    base::Duration search = std::chrono::seconds(40);
    base::Duration search_least = std::chrono::milliseconds(500);
    base::Duration search_most = std::chrono::seconds(2);
    // A fault in which links die young uses searches up before it is over. So another one begins
    // when a link to one of the others has lived for `search_after`: once in `search_again`, which
    // keeps attempts below ten a minute in the mean.
    base::Duration search_after = std::chrono::seconds(8);
    base::Duration search_again = std::chrono::minutes(10);
  };

  // The first outage begins now.
  Backoff(const Policy& policy, base::Time now)
      : policy_(policy),
        limit_(policy.first),
        outage_began_(now),
        young_outages_left_(policy.young_outages) {}

  // The delay before the next attempt. `random` is uniform in [0, 1).
  base::Duration Next(base::Time now, double random);
  // The same after an attempt that led to a server which has a link already.
  base::Duration NextElsewhere(base::Time now, double random);
  // A link that was up since `up_since` is lost.
  void OnLost(base::Time now, base::Time up_since);
  // A link of somebody else to the same servers is lost: an outage begins, as after a young link,
  // and as few times. Returns whether it did.
  bool OnLostElsewhere(base::Time now, base::Time up_since);
  // An attempt led elsewhere, and a link there is up since `up_since`. Returns whether another
  // search began.
  bool OnUpElsewhere(base::Time now, base::Time up_since);

  // Whether a link that is up since `up_since` has proved stable.
  bool IsHealthy(base::Time now, base::Time up_since) const {
    return now - up_since >= policy_.healthy;
  }

 private:
  Policy policy_;
  base::Duration limit_;
  base::Time outage_began_;
  int young_outages_left_;
  std::optional<base::Time> search_began_;    // in this outage
  std::optional<base::Time> searched_again_;  // the last time
};

}  // namespace hawser::tunnel
