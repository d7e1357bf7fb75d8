// How many servers there are, by the leases that they hold.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "lib/base/file_stamp.h"
#include "lib/base/metrics.h"
#include "spoke/label_selector.h"

namespace hawser::spoke {

class ServerCounter {
 public:
  virtual ~ServerCounter() = default;
  // At least 1. Does not wait for anybody.
  virtual size_t Count() = 0;
};

// Requests for leases; keys are the code of the answer, as HTTP would number it, and Kubernetes'
// name for it, empty for a success.
struct LeaseCounters {
  std::map<std::pair<int, std::string>, uint64_t> lists;
  std::map<std::pair<int, std::string>, uint64_t> watches;
  std::map<int, base::Histogram> list_latencies;
};

using WallTime = std::chrono::system_clock::time_point;

struct LeaseFilter {
  std::string name_space;
  LabelSelector labels;
};

// When each matching lease of a Kubernetes LeaseList (JSON) expires: so long after it was renewed
// or, when it never was, acquired. A lease without these times is left out. kInvalidArgument for
// what is no such list.
absl::StatusOr<std::vector<WallTime>> ParseLeases(const std::string& json,
                                                  const LeaseFilter& filter);

// Counts the leases in a file that have not expired; reads it again when it has changed. What
// cannot be read is logged once per change, and the last version holds.
class LeaseFile final : public ServerCounter {
 public:
  // `counters` outlive this.
  LeaseFile(std::string path, LeaseFilter filter, std::function<WallTime()> now,
            LeaseCounters& counters)
      : path_(std::move(path)),
        filter_(std::move(filter)),
        now_(std::move(now)),
        counters_(counters) {}

  size_t Count() override;

 private:
  void Read();
  absl::StatusOr<std::string> ReadFile() const;

  const std::string path_;
  const LeaseFilter filter_;
  const std::function<WallTime()> now_;
  LeaseCounters& counters_;
  bool read_ = false;
  base::FileStamp stamp_;  // of the version read last
  std::vector<WallTime> expiries_;
};

}  // namespace hawser::spoke
