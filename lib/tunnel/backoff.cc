#include "lib/tunnel/backoff.h"

#include <algorithm>

namespace hawser::tunnel {

base::Duration Backoff::Next(base::Time now, double random) {
  base::Duration limit = limit_;
  limit_ = std::min(2 * limit_, policy_.cap);
  base::Duration least = limit == policy_.cap ? limit / 2 : base::Duration::zero();
  if (now - outage_began_ < policy_.outage && limit > policy_.outage_cap) {
    limit = policy_.outage_cap;
    least = base::Duration::zero();
  }
  return least + std::chrono::duration_cast<base::Duration>((limit - least) * random);
}

void Backoff::OnLost(base::Time now, base::Time up_since) {
  if (IsHealthy(now, up_since)) {
    limit_ = policy_.first;
    outage_began_ = now;
    young_outages_left_ = policy_.young_outages;
  } else if (now - up_since >= policy_.outage_after && young_outages_left_ > 0) {
    outage_began_ = now;
    --young_outages_left_;
  }
}

}  // namespace hawser::tunnel
