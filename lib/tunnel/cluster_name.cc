#include "lib/tunnel/cluster_name.h"

#include <algorithm>

#include "lib/tunnel/host_name.h"

namespace hawser::tunnel {
namespace {

constexpr size_t kMaxClusterName = 63;

// The address in "<address with dashes>.ip", else `name`.
std::string DecodeAddress(const std::string& name) {
  const size_t dot = name.find('.');
  if (dot == std::string::npos || name.compare(dot, std::string::npos, ".ip") != 0) return name;
  for (const char separator : {'.', ':'}) {
    std::string text = name.substr(0, dot);
    std::replace(text.begin(), text.end(), '-', separator);
    if (auto address = CanonicalAddress(text)) return *address;
  }
  return name;
}

}  // namespace

std::optional<Target> ParseTarget(const Host& host, const Domain& domain) {
  if (host.is_address()) return std::nullopt;
  const std::string name(domain.Before(host.text()).value_or(host.text()));
  if (LooksLikeAddress(name)) return std::nullopt;
  Target target{.cluster = std::string(LastLabel(name)), .address = ""};
  if (target.cluster.size() < name.size())
    target.address = DecodeAddress(name.substr(0, name.size() - target.cluster.size() - 1));
  // Names inside a cluster may have underscores (SRV records), DNS-1123 labels not.
  if (target.cluster.size() > kMaxClusterName || target.cluster.find('_') != std::string::npos)
    return std::nullopt;
  return target;
}

}  // namespace hawser::tunnel
