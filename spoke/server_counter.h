// How many servers there are, by the leases that they hold.
#pragma once

#include <string>

#include "lib/kube/request_counts.h"
#include "spoke/label_selector.h"

namespace hawser::spoke {

// Which leases are servers'.
struct LeaseFilter {
  std::string name_space;
  LabelSelector labels;
};

// Requests for leases. Konnectivity's buckets.
struct LeaseCounters {
  kube::RequestCounts lists{{.005, .025, .1, .5, 2.5, 10, 30}};
  kube::RequestCounts watches{{.005, .025, .1, .5, 2.5, 10, 30}};
};

// Threads: one.
class ServerCounter {
 public:
  virtual ~ServerCounter() = default;
  // At least 1: whoever asks is talking to one. Does not wait for anybody.
  virtual size_t Count() = 0;

  const LeaseCounters& counters() const { return counters_; }

 protected:
  LeaseCounters counters_;
};

}  // namespace hawser::spoke
