#include "lib/base/flag_values.h"

#include <cstdlib>
#include <fstream>

#include "lib/base/duration.h"

namespace hawser::base {

absl::Status BadFlag(const std::string& flag, const std::string& why) {
  return absl::InvalidArgumentError("flag --" + flag + ": " + why);
}

absl::StatusOr<Duration> PositiveDuration(const std::string& flag, const std::string& value) {
  const auto duration = ParseDuration(value);
  if (!duration.ok()) return BadFlag(flag, std::string(duration.status().message()));
  if (*duration <= Duration::zero()) return BadFlag(flag, "must be positive");
  return *duration;
}

absl::StatusOr<HostPort> BindAddress(const std::string& flag, const std::string& host, int port) {
  if (port < 0 || port > UINT16_MAX) return BadFlag(flag, "not a port: " + std::to_string(port));
  return HostPort{host, static_cast<uint16_t>(port)};
}

absl::StatusOr<std::string> ProcessId(const std::string& value, const char* variable) {
  if (!value.empty()) return value;
  if (const char* id = std::getenv(variable); id != nullptr && *id != '\0') return id;
  std::ifstream file("/proc/sys/kernel/random/uuid");
  std::string uuid;
  if (!(file >> uuid)) return absl::InternalError("the kernel gives no random uuid");
  return uuid;
}

}  // namespace hawser::base
