// How often requests of one kind were answered in which way, and how fast: for metrics with
// Konnectivity's labels. What got no answer at all is left out, as there.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/metrics.h"
#include "lib/base/scheduler.h"

namespace hawser::kube {

class RequestCounts {
 public:
  // Upper bounds of the latencies' buckets, seconds, ascending.
  explicit RequestCounts(std::vector<double> bounds) : bounds_(std::move(bounds)) {}

  // The result of a request of lib/kube, and how long it took. OK is 200.
  void Observe(const absl::Status& result, base::Duration took);
  // An answer as HTTP numbers it, and Kubernetes' name for it: empty for a success.
  void Observe(int http_status, const std::string& reason, base::Duration took);

  struct Picture {
    std::map<std::pair<int, std::string>, uint64_t> answers;  // by status and reason
    std::map<int, base::Histogram> latencies;                 // by status
  };
  Picture picture() const;

 private:
  const std::vector<double> bounds_;
  mutable std::mutex mutex_;
  Picture picture_;  // guarded by mutex_
};

}  // namespace hawser::kube
