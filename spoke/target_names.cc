#include "spoke/target_names.h"

#include <optional>

#include "lib/tunnel/cluster_name.h"

namespace hawser::spoke {

TargetNames::Target TargetNames::Find(const base::HostPort& dialled) const {
  base::HostPort inside = dialled;
  const auto host = tunnel::Host::Parse(dialled.host);
  const auto target = host ? tunnel::ParseTarget(*host, options_.domain) : std::nullopt;
  if (target && options_.own_names.contains(target->cluster)) {
    if (!target->address.empty()) {
      inside.host = target->address;
    } else if (!options_.kube_apiserver.host.empty()) {
      inside = options_.kube_apiserver;
    }
  }
  return {inside.host, options_.table.Find(inside)};
}

}  // namespace hawser::spoke
