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

base::Duration Backoff::NextElsewhere(base::Time now, double random) {
  if (!search_began_) search_began_ = now;
  const base::Duration usual = Next(now, random);
  if (now - *search_began_ >= policy_.search) return usual;
  const base::Duration spread = policy_.search_most - policy_.search_least;
  return std::min(
      usual, policy_.search_least + std::chrono::duration_cast<base::Duration>(spread * random));
}

void Backoff::OnLost(base::Time now, base::Time up_since) {
  if (IsHealthy(now, up_since)) {
    limit_ = policy_.first;
    outage_began_ = now;
    young_outages_left_ = policy_.young_outages;
    search_began_.reset();
  } else {
    OnLostElsewhere(now, up_since);
  }
}

bool Backoff::OnLostElsewhere(base::Time now, base::Time up_since) {
  const bool same_outage = now - outage_began_ < policy_.outage;
  if (same_outage || now - up_since < policy_.outage_after || young_outages_left_ == 0)
    return false;
  outage_began_ = now;
  --young_outages_left_;
  search_began_.reset();
  return true;
}

bool Backoff::OnUpElsewhere(base::Time now, base::Time up_since) {
  const bool over = search_began_ && now - *search_began_ >= policy_.search;
  if (!over || up_since < *search_began_ || now - up_since < policy_.search_after) return false;
  if (searched_again_ && now - *searched_again_ < policy_.search_again) return false;
  search_began_ = searched_again_ = now;
  return true;
}

}  // namespace hawser::tunnel
