#include "spoke/target_address.h"

#include "lib/base/quote.h"
#include "lib/tunnel/host_name.h"

namespace hawser::spoke {
namespace {

// A name of 253 characters, brackets, a colon and five digits are less.
constexpr size_t kMaxAddress = 300;

absl::Status Wrong(const std::string& text, const std::string& why) {
  return absl::InvalidArgumentError("dial tcp: address " + base::Quote(text) + ": " + why);
}

}  // namespace

absl::StatusOr<base::HostPort> ParseTargetAddress(const std::string& text) {
  if (text.size() > kMaxAddress) return Wrong(text, "too long");
  auto target = base::ParseHostPort(text);
  if (!target.ok()) return Wrong(text, std::string(target.status().message()));
  const auto host = tunnel::CanonicalHost(target->host);
  if (!host) return Wrong(text, "neither a name nor an address");
  if (target->port == 0) return Wrong(text, "invalid port");
  target->host = *host;
  return target;
}

bool IsMistypedAddress(const std::string& host) {
  return tunnel::LooksLikeAddress(host) && !tunnel::CanonicalAddress(host);
}

std::string WithFinalDot(const std::string& host, const std::string& text) {
  const bool dot = text.substr(0, text.rfind(':')).ends_with('.');
  return dot && !tunnel::CanonicalAddress(host) ? host + "." : host;
}

}  // namespace hawser::spoke
