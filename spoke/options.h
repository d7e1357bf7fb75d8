// What proxy-agent is told: flags and the configuration file as one immutable, checked struct.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/host_port.h"
#include "lib/base/scheduler.h"
#include "lib/kube/object.h"
#include "lib/net/proxy_settings.h"
#include "lib/net/tls_context.h"
#include "lib/tunnel/backoff.h"
#include "lib/tunnel/session.h"
#include "spoke/allow_list.h"
#include "spoke/own_addresses.h"
#include "spoke/port_forward.h"
#include "spoke/server_counter.h"
#include "spoke/target_names.h"

namespace hawser::spoke {

// Counting servers by their leases.
struct LeaseOptions {
  std::string file;  // empty: the Kubernetes API
  LeaseFilter filter;
};

struct Options {
  std::vector<base::HostPort> servers;
  net::ProxySettings proxies;
  std::string proxy_ca;  // empty: the system's
  net::TlsOptions tls;
  std::string agent_id;
  std::string identifiers;  // as announced, URL-query form
  std::string token_path;   // empty: no token
  base::Duration keepalive;
  tunnel::Backoff::Policy backoff;
  base::Duration graceful_shutdown_timeout;
  base::Duration replaced_link_timeout;

  std::optional<LeaseOptions> leases;
  bool larger_count = false;  // of leases and what servers say
  bool sync_forever = false;
  base::Duration probe_interval;

  std::string kubeconfig;  // of the cluster it runs in; empty: the pod's
  std::optional<kube::ObjectName> health_lease;

  // The way to the servers, where they have no address.
  std::optional<PortForwardTarget> port_forward;
  std::string hub_kubeconfig;  // for that

  TargetNames::Options names;  // own names that are announced; the certificate's comes on top
  AllowList allow_list;
  OwnAddresses own_addresses;       // that it knows of
  std::string config_file;          // what these and the names came from; empty: nowhere
  ResolveTable command_line_names;  // go before the file's
  base::Duration dial_timeout;
  tunnel::SessionOptions session;
  uint64_t buffered_bytes;  // of the process

  base::HostPort health;
  base::HostPort admin;
  std::string admin_path;  // Unix socket of the page of connections; empty: none
};

// Reads the flags (parsed before) and the file that --config names. InvalidArgument, naming the
// flag, for what makes no sense.
absl::StatusOr<Options> OptionsFromFlags();
// What is wrong with the file that --config names, when --check-config asks for that only.
std::optional<absl::Status> CheckConfigFromFlags();

}  // namespace hawser::spoke
