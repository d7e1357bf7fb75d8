#include "lib/kube/token_bucket.h"

#include <algorithm>

namespace hawser::kube {

base::Duration TokenBucket::Take(base::Time now) {
  if (per_second_ <= 0) return {};
  const double passed = std::chrono::duration<double>(now - at_).count();
  tokens_ = std::min(burst_, tokens_ + passed * per_second_) - 1;
  at_ = now;
  if (tokens_ >= 0) return {};
  return std::chrono::duration_cast<base::Duration>(
      std::chrono::duration<double>(-tokens_ / per_second_));
}

}  // namespace hawser::kube
