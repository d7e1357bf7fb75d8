#include "lib/tunnel/name_rules.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/pki/identity.h"
#include "lib/tunnel/cluster_name.h"

namespace hawser::tunnel {
namespace {

const Domain& ServiceProxies() {
  static const Domain kDomain = Domain::Parse(pki::kServiceProxyDomain).value();
  return kDomain;
}

// The service proxy whose name `name` is or is under; empty when it is none.
std::string ServiceProxyOf(std::string_view name) {
  const auto before = ServiceProxies().Before(name);
  return before ? absl::StrCat(std::string(LastLabel(*before)), ".", ServiceProxies().text()) : "";
}

bool HasLabel(const Domain& domain, const std::string& label) {
  const std::vector<std::string> labels = absl::StrSplit(domain.text(), '.');
  return !domain.empty() && std::find(labels.begin(), labels.end(), label) != labels.end();
}

}  // namespace

// Of a name that is no service proxy's.
std::string NameRules::OwnerOf(const std::string& name) const {
  for (const Domain& suffix : host_suffixes_)
    if (const auto before = suffix.Before(name)) return std::string(LastLabel(*before));
  return std::string(LastLabel(cluster_domain_.Before(name).value_or(name)));
}

Destination NameRules::Resolve(const Host& host) const {
  Destination destination{.host = host, .owner = "", .service_proxy = ""};
  // What resolvers read as an address ("10.1") is no cluster's either.
  if (!ParseTarget(host, cluster_domain_)) return destination;
  destination.service_proxy = ServiceProxyOf(host.text());
  if (destination.service_proxy.empty()) destination.owner = OwnerOf(host.text());
  return destination;
}

bool NameRules::Owns(const std::string& cluster, const std::string& name) const {
  const auto host = Host::Parse(name.starts_with("*.") ? name.substr(2) : name);
  if (!host) return false;
  const Destination destination = Resolve(*host);
  if (!destination.service_proxy.empty())
    return destination.service_proxy == pki::ServiceProxyHost(cluster);
  return !cluster.empty() && destination.owner == cluster;
}

std::string NameRules::WhyReserved(const std::string& cluster) const {
  if (LastLabel(ServiceProxies().text()) == cluster)
    return absl::StrCat("names of service proxies end in it (", ServiceProxies().text(), ")");
  for (const Domain& suffix : host_suffixes_)
    if (HasLabel(suffix, cluster)) return absl::StrCat("it is in the host suffix ", suffix.text());
  if (HasLabel(cluster_domain_, cluster))
    return absl::StrCat("it is in the cluster domain ", cluster_domain_.text());
  return "";
}

}  // namespace hawser::tunnel
