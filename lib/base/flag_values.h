// What options of both daemons are made of: values of flags, checked. Errors are kInvalidArgument
// and name the flag.
#pragma once

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
// An address to bind: `host` may be empty (all addresses), `port` 0 (a free one).
absl::StatusOr<HostPort> BindAddress(const std::string& flag, const std::string& host, int port);

template <typename Integer>
absl::StatusOr<Integer> AtLeast(const std::string& flag, Integer value, Integer least) {
  if (value < least) return BadFlag(flag, "must be at least " + std::to_string(least));
  return value;
}

// The name of a process among its kind: `value` or, when that is empty, the environment's
// `variable`, else a random UUID.
absl::StatusOr<std::string> ProcessId(const std::string& value, const char* variable);

}  // namespace hawser::base
