#include "lib/tunnel/backoff.h"

#include <algorithm>

namespace hawser::tunnel {

base::Duration Backoff::Next(base::Time now, double random) {
  base::Duration limit = limit_;
  limit_ = std::min(2 * limit_, policy_.cap);
  if (now - outage_began_ < policy_.outage) limit = std::min(limit, policy_.outage_cap);
  return std::chrono::duration_cast<base::Duration>(limit * random);
}

void Backoff::OnLost(base::Time now, base::Time up_since) {
  const base::Duration lived = now - up_since;
  if (lived >= policy_.healthy) limit_ = policy_.first;
  if (lived >= policy_.outage_after) outage_began_ = now;
}

}  // namespace hawser::tunnel
