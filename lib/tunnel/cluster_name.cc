#include "lib/tunnel/cluster_name.h"

#include <algorithm>

#include "lib/tunnel/host_name.h"

namespace hawser::tunnel {
namespace {

constexpr size_t kMaxClusterName = 63;

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Resolvers read "10.1" and "0300.1.1.1" as addresses, so such hosts never name a cluster.
bool LooksLikeAddress(const std::string& name) {
  return name.find('.') != std::string::npos &&
         name.find_first_not_of("0123456789.") == std::string::npos;
}

// `name` without ".<domain>" at its end.
std::string WithoutDomain(const std::string& name, const std::string& domain) {
  const size_t first = domain.find_first_not_of('.');
  if (first == std::string::npos) return name;
  const auto canonical = CanonicalHost(domain.substr(first));
  if (!canonical || !EndsWith(name, "." + *canonical)) return name;
  return name.substr(0, name.size() - canonical->size() - 1);
}

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

std::optional<Target> ParseTarget(const std::string& host, const std::string& domain) {
  const auto canonical = CanonicalHost(host);
  if (!canonical || CanonicalAddress(*canonical)) return std::nullopt;
  const std::string name = WithoutDomain(*canonical, domain);
  if (LooksLikeAddress(name)) return std::nullopt;
  const size_t dot = name.rfind('.');
  const bool bare = dot == std::string::npos;
  Target target;
  target.cluster = bare ? name : name.substr(dot + 1);
  if (!bare) target.address = DecodeAddress(name.substr(0, dot));
  // Names inside a cluster may have underscores (SRV records), DNS-1123 labels not.
  if (target.cluster.size() > kMaxClusterName || target.cluster.find('_') != std::string::npos)
    return std::nullopt;
  return target;
}

}  // namespace hawser::tunnel
