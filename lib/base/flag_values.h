// What options of both daemons are made of: values of flags, checked. Errors are kInvalidArgument
// and name the flag.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/host_port.h"
#include "lib/base/scheduler.h"

namespace hawser::base {

// "flag --<flag>: <why>"
absl::Status BadFlag(const std::string& flag, const std::string& why);

// A duration above zero.
absl::StatusOr<Duration> PositiveDuration(const std::string& flag, const std::string& value);
// A duration of zero or more.
absl::StatusOr<Duration> AnyDuration(const std::string& flag, const std::string& value);
// An address to bind: `host` is an IP address (IPv6 with brackets or without), "localhost" or empty
// (all addresses), `port` may be 0 (a free one). The flags are those that say so.
absl::StatusOr<HostPort> BindAddress(const std::string& host_flag, const std::string& host,
                                     const std::string& port_flag, int port);
// The same with a host that is known to be good, or not for binding.
absl::StatusOr<HostPort> BindAddress(const std::string& flag, const std::string& host, int port);

template <typename Integer>
absl::StatusOr<Integer> AtLeast(const std::string& flag, Integer value, Integer least) {
  if (value < least) return BadFlag(flag, "must be at least " + std::to_string(least));
  return value;
}

// Permissions of a file: "0660".
absl::StatusOr<mode_t> FileMode(const std::string& flag, const std::string& value);
// A group of this machine, by its name or number.
absl::StatusOr<gid_t> GroupId(const std::string& flag, const std::string& value);

// The name of a process among its kind: `value` or, when that is empty, the environment's
// `variable`, else a random UUID.
absl::StatusOr<std::string> ProcessId(const std::string& value, const char* variable);

}  // namespace hawser::base
