// The naming grammar: the last label of a host is a cluster, what stands before it is a name
// inside that cluster.
//
//   web.default.svc.paris    cluster paris, name web.default.svc
//   10-96-0-7.ip.paris       cluster paris, address 10.96.0.7 (IPv6: 2001-db8--1.ip.paris)
//   paris                    cluster paris, its kube-apiserver
//
// A domain that all names of the hub may end in (`--cluster-domain=.clusters.example`) is dropped
// first. The hub reads the cluster, the agent what is left: names mean something in the spoke only.
#pragma once

#include <optional>
#include <string>

#include "lib/tunnel/host.h"

namespace hawser::tunnel {

struct Target {
  std::string cluster;  // a DNS-1123 label, lower case
  std::string address;  // name or address inside, canonical; empty: the cluster's kube-apiserver

  bool operator==(const Target&) const = default;
};

// Nothing when `host` is an address, looks like one (several labels of digits only), or is no name
// of this grammar.
std::optional<Target> ParseTarget(const Host& host, const Domain& domain);

}  // namespace hawser::tunnel
