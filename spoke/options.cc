#include "spoke/options.h"

#include <gflags/gflags.h>

#include <algorithm>

#include "absl/strings/str_split.h"
#include "lib/base/duration.h"
#include "lib/base/flag_values.h"
#include "lib/base/status.h"
#include "lib/tunnel/host_name.h"
#include "lib/tunnel/identifiers.h"
#include "spoke/config_file.h"
#include "spoke/target_address.h"

DEFINE_string(proxy_server_host, "127.0.0.1",
              "servers to connect to: names or addresses, with a port or without, comma separated");
DEFINE_int32(proxy_server_port, 8091, "port of servers that come without one");
DEFINE_string(agent_cert, "", "this agent's certificate chain (PEM)");
DEFINE_string(agent_key, "", "private key of --agent-cert");
DEFINE_string(ca_cert, "", "CA of the servers' certificates");
DEFINE_string(alpn_proto, "", "protocols to offer in TLS before h2, comma separated");
DEFINE_string(tls_min_version, "VersionTLS12", "VersionTLS12 or VersionTLS13");
DEFINE_string(cipher_suites, "", "TLS 1.2 cipher suites, comma separated; empty: the usual ones");

DEFINE_string(agent_id, "", "name of this agent; empty: $PROXY_AGENT_ID, else a random one");
DEFINE_string(agent_identifiers, "",
              "what this agent announces that it can be asked for: "
              "host=paris&ipv4=10.0.0.7&default-route=true and the like");
DEFINE_string(cluster_domain, "", "the hub's domain that may follow a cluster's name");

DEFINE_string(resolve, "",
              "names this agent resolves by itself: name=address[:port], comma "
              "separated, ahead of /etc/hosts and DNS");
DEFINE_string(kube_apiserver, "kubernetes.default.svc:443",
              "host:port that the bare cluster name leads to");
DEFINE_string(config, "", "YAML file with allow and resolve");
DEFINE_string(dial_timeout, "10s", "deadline of a dial, name resolution included");

DEFINE_string(health_server_host, "", "address that serves /healthz and /readyz; empty: all");
DEFINE_int32(health_server_port, 8093, "TCP port of /healthz and /readyz; 0: a free one");
DEFINE_string(admin_bind_address, "127.0.0.1",
              "address that serves /metrics and /debug; empty: all");
DEFINE_int32(admin_server_port, 8094, "TCP port of /metrics and /debug; 0: a free one");

DEFINE_string(keepalive_time, "15s", "time between pings to servers");
DEFINE_string(sync_interval, "200ms", "back-off between attempts to connect: at first at most");
DEFINE_string(sync_interval_cap, "10s", "back-off between attempts to connect: ever at most");
DEFINE_string(graceful_shutdown_timeout, "30s", "how long a stop waits for connections");

DEFINE_int32(max_pending_dials, 1000, "limit: unfinished dials of one server");
DEFINE_int64(max_buffered_bytes, int64_t{1} << 30, "limit: bytes queued for slow targets, in all");
DEFINE_int64(first_window, 256 * 1024, "limit: bytes a new connection may have on its way");
DEFINE_int64(max_window, 1024 * 1024, "limit: bytes a connection may have on its way");

namespace hawser::spoke {
namespace {

using base::BadFlag;

absl::Status ReadServers(Options& options) {
  const std::vector<std::string> servers =
      absl::StrSplit(FLAGS_proxy_server_host, ',', absl::SkipEmpty());
  if (servers.empty()) return BadFlag("proxy-server-host", "names no server");
  for (const std::string& server : servers) {
    base::HostPort address;
    if (const auto host = tunnel::CanonicalHost(server)) {
      HAWSER_ASSIGN_OR_RETURN(
          address, base::BindAddress("proxy-server-port", *host, FLAGS_proxy_server_port));
    } else if (auto with_port = ParseTargetAddress(server); with_port.ok()) {
      address = *std::move(with_port);
    } else {
      return BadFlag("proxy-server-host", "not a name or address: \"" + server + "\"");
    }
    if (address.port == 0) return BadFlag("proxy-server-port", "must not be 0");
    options.servers.push_back(address);
  }
  return absl::OkStatus();
}

absl::Status ReadTls(net::TlsOptions& tls) {
  if (FLAGS_ca_cert.empty()) return BadFlag("ca-cert", "is needed: servers must be authenticated");
  if (FLAGS_agent_cert.empty()) return BadFlag("agent-cert", "is needed");
  if (FLAGS_agent_key.empty()) return BadFlag("agent-key", "is needed");
  tls.files = {FLAGS_agent_cert, FLAGS_agent_key, FLAGS_ca_cert};
  tls.alpn = absl::StrSplit(FLAGS_alpn_proto, ',', absl::SkipEmpty());
  if (std::find(tls.alpn.begin(), tls.alpn.end(), "h2") == tls.alpn.end()) tls.alpn.push_back("h2");
  const auto version = net::ParseTlsVersion(FLAGS_tls_min_version);
  if (!version.ok()) return BadFlag("tls-min-version", std::string(version.status().message()));
  tls.min_version = *version;
  tls.cipher_suites = absl::StrSplit(FLAGS_cipher_suites, ',', absl::SkipEmpty());
  return absl::OkStatus();
}

absl::Status ReadIdentity(Options& options) {
  HAWSER_ASSIGN_OR_RETURN(options.agent_id, base::ProcessId(FLAGS_agent_id, "PROXY_AGENT_ID"));
  const auto identifiers = tunnel::ParseIdentifiers(FLAGS_agent_identifiers);
  if (!identifiers.ok())
    return BadFlag("agent-identifiers", std::string(identifiers.status().message()));
  options.identifiers = FLAGS_agent_identifiers;
  // Longer names are answered as they are, not stripped off others.
  for (const std::string& host : identifiers->hosts)
    if (host.find('.') == std::string::npos) options.names.own_names.insert(host);
  options.names.domain = FLAGS_cluster_domain;
  return absl::OkStatus();
}

absl::Status ReadTargets(Options& options) {
  const auto kube_apiserver = ParseTargetAddress(FLAGS_kube_apiserver);
  if (!kube_apiserver.ok())
    return BadFlag("kube-apiserver", std::string(kube_apiserver.status().message()));
  options.names.kube_apiserver = *kube_apiserver;
  ResolveTable& table = options.names.table;
  if (!FLAGS_config.empty()) {
    const auto config = LoadConfigFile(FLAGS_config);
    if (!config.ok()) return BadFlag("config", std::string(config.status().message()));
    options.allow_list = config->allow_list;
    for (const auto& [name, address] : config->resolve)
      if (const auto status = table.Add(name, address); !status.ok())
        return BadFlag("config", std::string(status.message()));
  }
  // After the file: the command line goes first.
  if (const auto status = table.AddList(FLAGS_resolve); !status.ok())
    return BadFlag("resolve", std::string(status.message()));
  HAWSER_ASSIGN_OR_RETURN(options.dial_timeout,
                          base::PositiveDuration("dial-timeout", FLAGS_dial_timeout));
  return absl::OkStatus();
}

absl::Status ReadTimes(Options& options) {
  HAWSER_ASSIGN_OR_RETURN(options.keepalive,
                          base::PositiveDuration("keepalive-time", FLAGS_keepalive_time));
  HAWSER_ASSIGN_OR_RETURN(options.backoff.first,
                          base::PositiveDuration("sync-interval", FLAGS_sync_interval));
  HAWSER_ASSIGN_OR_RETURN(options.backoff.cap,
                          base::PositiveDuration("sync-interval-cap", FLAGS_sync_interval_cap));
  if (options.backoff.cap < options.backoff.first)
    return BadFlag("sync-interval-cap", "must not be below --sync-interval");
  const auto graceful = base::ParseDuration(FLAGS_graceful_shutdown_timeout);
  if (!graceful.ok() || *graceful < base::Duration::zero())
    return BadFlag("graceful-shutdown-timeout", "not a duration");
  options.graceful_shutdown_timeout = *graceful;
  return absl::OkStatus();
}

absl::Status ReadLimits(Options& options) {
  HAWSER_ASSIGN_OR_RETURN(options.session.max_pending_dials,
                          base::AtLeast("max-pending-dials", FLAGS_max_pending_dials, 1));
  HAWSER_ASSIGN_OR_RETURN(options.session.first_window,
                          base::AtLeast<int64_t>("first-window", FLAGS_first_window, 64 * 1024));
  HAWSER_ASSIGN_OR_RETURN(
      options.session.max_window,
      base::AtLeast<int64_t>("max-window", FLAGS_max_window, FLAGS_first_window));
  HAWSER_ASSIGN_OR_RETURN(
      options.buffered_bytes,
      base::AtLeast<int64_t>("max-buffered-bytes", FLAGS_max_buffered_bytes, 16 * 1024 * 1024));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  HAWSER_RETURN_IF_ERROR(ReadServers(options));
  HAWSER_RETURN_IF_ERROR(ReadTls(options.tls));
  HAWSER_RETURN_IF_ERROR(ReadIdentity(options));
  HAWSER_RETURN_IF_ERROR(ReadTargets(options));
  HAWSER_RETURN_IF_ERROR(ReadTimes(options));
  HAWSER_RETURN_IF_ERROR(ReadLimits(options));
  HAWSER_ASSIGN_OR_RETURN(
      options.health,
      base::BindAddress("health-server-port", FLAGS_health_server_host, FLAGS_health_server_port));
  HAWSER_ASSIGN_OR_RETURN(
      options.admin,
      base::BindAddress("admin-server-port", FLAGS_admin_bind_address, FLAGS_admin_server_port));
  return options;
}

}  // namespace hawser::spoke
