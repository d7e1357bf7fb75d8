#include "lib/base/flag_values.h"

#include <arpa/inet.h>
#include <grp.h>

#include <charconv>
#include <cstdlib>
#include <fstream>

#include "lib/base/duration.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"

namespace hawser::base {

absl::Status BadFlag(const std::string& flag, const std::string& why) {
  return absl::InvalidArgumentError("flag --" + flag + ": " + why);
}

absl::StatusOr<Duration> AnyDuration(const std::string& flag, const std::string& value) {
  const auto duration = ParseDuration(value);
  if (!duration.ok()) return BadFlag(flag, std::string(duration.status().message()));
  if (*duration < Duration::zero()) return BadFlag(flag, "must not be negative");
  return *duration;
}

absl::StatusOr<Duration> PositiveDuration(const std::string& flag, const std::string& value) {
  HAWSER_ASSIGN_OR_RETURN(const Duration duration, AnyDuration(flag, value));
  if (duration == Duration::zero()) return BadFlag(flag, "must be positive");
  return duration;
}

absl::StatusOr<HostPort> BindAddress(const std::string& host_flag, const std::string& host,
                                     const std::string& port_flag, int port) {
  std::string address = host == "localhost" ? "127.0.0.1" : host;
  const bool bracketed = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (bracketed) address = address.substr(1, address.size() - 2);
  const std::string unzoned = address.substr(0, address.find('%'));
  in6_addr ip;
  if (!address.empty() && inet_pton(AF_INET6, unzoned.c_str(), &ip) != 1 &&
      (bracketed || inet_pton(AF_INET, address.c_str(), &ip) != 1))
    return BadFlag(host_flag, "not an ip address: " + Quote(host));
  return BindAddress(port_flag, address, port);
}

absl::StatusOr<HostPort> BindAddress(const std::string& flag, const std::string& host, int port) {
  if (port < 0 || port > UINT16_MAX) return BadFlag(flag, "not a port: " + std::to_string(port));
  return HostPort{host, static_cast<uint16_t>(port)};
}

absl::StatusOr<mode_t> FileMode(const std::string& flag, const std::string& value) {
  mode_t mode = 0;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, mode, 8);
  if (parsed.ec != std::errc() || parsed.ptr != end || mode > 0777)
    return BadFlag(flag, "must be octal, at most 0777: " + Quote(value));
  return mode;
}

absl::StatusOr<gid_t> GroupId(const std::string& flag, const std::string& value) {
  gid_t number = 0;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, number);
  if (parsed.ec == std::errc() && parsed.ptr == end) return number;
  if (const group* entry = getgrnam(value.c_str()); entry != nullptr) return entry->gr_gid;
  return BadFlag(flag, "no such group: " + Quote(value));
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
