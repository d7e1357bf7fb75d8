// The limits of a hub process: each is a flag, and a key of the configuration file's `limits`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hub/config_file.h"
#include "lib/base/scheduler.h"

namespace hawser::hub {

struct Limits {
  base::Duration handshake_timeout;
  base::Duration request_head_timeout;
  size_t streams_per_connection;
  size_t unfinished_handshakes;  // of one port
  int64_t first_window;          // bytes per connection
  int64_t max_window;
  base::Duration idle_timeout{};  // of a connection; zero: none
  // From here on: for those who come from now on, whenever they change.
  size_t connections_per_address;
  size_t connections_per_identity;
  size_t sessions_per_cluster;  // and connections of its agents
  size_t pending_dials;         // per agent; a quarter of them per client
  size_t descriptor_reserve;    // descriptors that clients and agents leave each other
  uint64_t buffered_bytes;      // of the process
  uint64_t buffered_bytes_per_identity;
  uint64_t connection_bytes_per_identity;
};

// The flags (parsed before), and `file` for those that are not on the command line.
// InvalidArgument, naming the flag and its place in the file, for what makes no sense or is no
// limit.
absl::StatusOr<Limits> ReadLimits(const FileLimits& file);

// All of them, by name of flag.
std::vector<std::string> LimitNames();

// Names of the limits that differ and are read at the start only.
std::vector<std::string> ChangedAtNextStart(const Limits& now, const Limits& next);

}  // namespace hawser::hub
