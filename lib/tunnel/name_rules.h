// Whose a name is. A name belongs to the cluster that the first rule which fits gives it to, and to
// no other, whatever anybody announces:
//
//   cluster-<hash>.open-cluster-management.proxy    the cluster with that hash
//   <cluster>.<host suffix>                         that cluster
//   <cluster>.<cluster domain>                      that cluster
//   <cluster>                                       that cluster
//
// and everything under such a name alike. Names that would be under another cluster's by one rule
// and its own by another are thus no prize: `paris.clusters.test` is paris's, not test's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/tunnel/host.h"

namespace hawser::tunnel {

// Where a dial goes.
struct Destination {
  Host host;
  std::string owner;          // the cluster that owns the host; empty: none, or see below
  std::string service_proxy;  // pki::ServiceProxyHost() of the owner, which only that tells
};

// Immutable. Threads: any.
class NameRules {
 public:
  NameRules() = default;
  NameRules(Domain cluster_domain, std::vector<Domain> host_suffixes)
      : cluster_domain_(std::move(cluster_domain)), host_suffixes_(std::move(host_suffixes)) {}

  Destination Resolve(const Host& host) const;
  // Whether `name`, canonical or "*." and a canonical name, is `cluster`'s. The reverse of
  // Resolve(); no address is anybody's.
  bool Owns(const std::string& cluster, const std::string& name) const;
  // Why no cluster may have this name: its names would be those that a rule gives to others. Empty
  // when it may.
  std::string WhyReserved(const std::string& cluster) const;

 private:
  std::string OwnerOf(const std::string& name) const;

  Domain cluster_domain_;
  std::vector<Domain> host_suffixes_;
};

}  // namespace hawser::tunnel
