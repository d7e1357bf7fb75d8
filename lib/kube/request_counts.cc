#include "lib/kube/request_counts.h"

#include "lib/kube/api_error.h"

namespace hawser::kube {

void RequestCounts::Observe(const absl::Status& result, base::Duration took) {
  const int http_status = result.ok() ? 200 : HttpStatusOf(result);
  if (http_status != 0) Observe(http_status, ReasonOf(result), took);
}

void RequestCounts::Observe(int http_status, const std::string& reason, base::Duration took) {
  const std::lock_guard lock(mutex_);
  ++picture_.answers[{http_status, reason}];
  picture_.latencies.try_emplace(http_status, bounds_).first->second.Observe(took);
}

RequestCounts::Picture RequestCounts::picture() const {
  const std::lock_guard lock(mutex_);
  return picture_;
}

}  // namespace hawser::kube
