#include "lib/control/address.h"

#include <sys/un.h>

#include <charconv>

namespace hawser::control {
namespace {

constexpr char kUnix[] = "unix:";
constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;

bool IsPort(const std::string& text) {
  unsigned port = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && parsed == end && port <= 65535;
}

}  // namespace

absl::StatusOr<Address> ParseAddress(const std::string& text) {
  if (text.starts_with(kUnix)) {
    const std::string path = text.substr(sizeof(kUnix) - 1);
    if (path.empty() || path.size() > kMaxPath)
      return absl::InvalidArgumentError("control address " + text + ": the path must have 1 to " +
                                        std::to_string(kMaxPath) + " bytes");
    return Address{text, path};
  }
  for (const std::string loopback : {"127.0.0.1:", "[::1]:"})
    if (text.starts_with(loopback) && IsPort(text.substr(loopback.size())))
      return Address{text, ""};
  return absl::InvalidArgumentError("control address " + text +
                                    ": want unix:/path, 127.0.0.1:port or [::1]:port");
}

}  // namespace hawser::control
