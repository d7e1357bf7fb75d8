// Who a certificate speaks for: the one URI SAN in it, parsed strictly.
//
//   spiffe://<trust domain>/cluster/<name>[/agent/<id>]   an agent of a managed cluster
//   spiffe://<trust domain>/client/<name>                 a hub client
//
// Nothing else is an identity: no other segments, no upper-case cluster, no escapes, no second
// URI. Input is hostile. Threads: any.
#pragma once

#include <openssl/x509.h>

#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"

namespace hawser::pki {

struct ClusterIdentity {
  std::string trust_domain;
  std::string cluster;  // a DNS-1123 label
  std::string agent;    // empty when not said
  bool operator==(const ClusterIdentity&) const = default;
};

struct ClientIdentity {
  std::string trust_domain;
  std::string name;
  bool operator==(const ClientIdentity&) const = default;
};

using Identity = std::variant<ClusterIdentity, ClientIdentity>;

// Lower-case letters, digits and '-', not at the ends; 1 to 63 characters.
bool IsClusterName(const std::string& name);
// The name under which Open Cluster Management's add-on reaches the service proxy of a cluster, and
// what these names end in.
inline constexpr char kServiceProxyDomain[] = "open-cluster-management.proxy";
std::string ServiceProxyHost(const std::string& cluster);
// kInvalidArgument with what is wrong.
absl::StatusOr<Identity> ParseIdentity(const std::string& uri);
// The URI of an identity, the inverse of ParseIdentity().
std::string IdentityUri(const Identity& identity);
// The identity in a certificate; none when it has no URI SAN of ours (whose path begins with
// "cluster" or "client"), or there is no certificate (null). kInvalidArgument when it has several
// or a malformed one.
absl::StatusOr<std::optional<Identity>> IdentityOf(const X509* certificate);

}  // namespace hawser::pki
