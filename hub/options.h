// What proxy-server is told: flags and the configuration file as one immutable, checked struct.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hub/agent_identity.h"
#include "hub/agent_session.h"
#include "hub/config_file.h"
#include "hub/limits.h"
#include "hub/socket_port.h"
#include "lib/base/host_port.h"
#include "lib/base/scheduler.h"
#include "lib/net/tls_context.h"
#include "lib/tunnel/host.h"
#include "lib/tunnel/route_table.h"

namespace hawser::hub {

// Where a front end serves. With neither, it is off.
struct FrontEndOptions {
  std::optional<base::HostPort> tcp;
  std::string unix_path;

  bool enabled() const { return tcp || !unix_path.empty(); }
};

// What agents' bearer tokens are checked against.
struct AgentTokens {
  std::string file;      // empty: the Kubernetes API
  std::string user;      // the one that agents must be; empty: agents need no token
  std::string audience;  // what the tokens must be for, to the Kubernetes API

  bool required() const { return !user.empty(); }
  bool reviewed() const { return required() && file.empty(); }
};

// How the Kubernetes API is reached.
struct KubernetesApi {
  std::string kubeconfig;  // empty: as pods do
  // Requests per second, and how many of them at once; zero: the client's default.
  double qps = 0;
  double burst = 0;
};

// Leases by which agents count servers.
struct ServerLeases {
  std::string own_name;
  std::string ns;
  std::map<std::string, std::string> labels;  // of all of them
};

struct Options {
  FrontEndOptions grpc;
  FrontEndOptions http_connect;
  bool delete_existing_uds = true;
  UnixAccess uds_access;  // to the front ends' Unix sockets
  base::HostPort agents;
  base::HostPort health;
  base::HostPort admin;
  std::string admin_path;    // Unix socket of the pages that name tenants; empty: none
  std::string control_path;  // empty: no control API

  net::TlsFiles server_tls;   // of the front ends' TCP ports
  net::TlsFiles cluster_tls;  // of the agents' port; without a CA, tokens are all that agents show
  std::string ticket_keys;    // file of the keys of session tickets; empty: random ones
  int tls_min_version;
  std::vector<std::string> cipher_suites;

  ServerIdentity server;
  AgentIdentityMode agent_identity;
  AgentGrants grants;
  DenyList denied;
  std::string config_file;  // where these two came from; empty: nowhere
  AgentTokens agent_tokens;
  KubernetesApi kubernetes;
  std::optional<ServerLeases> leases;  // empty: none is published, none removed
  std::vector<tunnel::Strategy> strategies;
  tunnel::Domain cluster_domain;
  std::string trust_domain;  // of agents' and clients' names; empty: any

  size_t threads;
  base::Duration keepalive;
  base::Duration frontend_keepalive;
  base::Duration graceful_shutdown_timeout;
  base::Duration backend_dial_timeout;
  Limits limits;
};

// What agents must be and may announce, by flags and a configuration file.
AgentGrants GrantsOf(const ConfigFile& config, const Options& options);

// Reads the flags (parsed before) and the file that --config names. InvalidArgument, naming the
// flag, for what makes no sense.
absl::StatusOr<Options> OptionsFromFlags();
// What is wrong with the file that --config names, when --check-config asks for that only.
std::optional<absl::Status> CheckConfigFromFlags();

}  // namespace hawser::hub
