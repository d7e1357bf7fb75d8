// The limits of a hub process: each is a flag, and a key of the configuration file's `limits`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"

namespace hawser::hub {

struct Limits {
  base::Duration handshake_timeout;
  base::Duration request_head_timeout;
  size_t streams_per_connection;
  size_t unfinished_handshakes;  // of one port
  int64_t first_window;          // bytes per connection
  int64_t max_window;
  // From here on: for those who come from now on, whenever they change.
  size_t connections_per_address;
  size_t connections_per_identity;
  size_t sessions_per_cluster;  // and connections of its agents
  size_t pending_dials;         // per agent; a quarter of them per client
  size_t descriptor_reserve;    // descriptors that clients cannot take
  uint64_t buffered_bytes;      // of the process
  uint64_t buffered_bytes_per_identity;
};

// The flags (parsed before), and `file` for those that are not on the command line: values by name
// of flag. InvalidArgument, naming the flag, for what makes no sense or is no limit.
absl::StatusOr<Limits> ReadLimits(const std::map<std::string, std::string>& file);

// Names of the limits that differ and are read at the start only.
std::vector<std::string> ChangedAtNextStart(const Limits& now, const Limits& next);

}  // namespace hawser::hub
