#include "hub/options.h"

#include <gflags/gflags.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_split.h"
#include "hub/kubernetes_flags.h"
#include "lib/base/duration.h"
#include "lib/base/flag_values.h"
#include "lib/base/flags.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/net/tls_context.h"
#include "lib/pki/identity.h"

DEFINE_string(mode, "grpc",
              "[Front ends] front ends to serve: grpc, http-connect or grpc,http-connect");
DEFINE_int32(server_port, 8090,
             "[Front ends] TCP port of the first front end; 0: none when --uds-name is given, else "
             "a free one");
DEFINE_string(server_bind_address, "", "[Front ends] address of the first front end; empty: all");
DEFINE_string(uds_name, "", "[Front ends] Unix socket of the first front end");
DEFINE_int32(http_connect_port, 0,
             "[Front ends] with both modes, the TCP port for HTTP CONNECT; 0: none when "
             "--http-connect-uds-name is given, else a free one");
DEFINE_string(http_connect_bind_address, "",
              "[Front ends] address of --http-connect-port; empty: all");
DEFINE_string(http_connect_uds_name, "",
              "[Front ends] with both modes, the Unix socket for HTTP CONNECT");
DEFINE_bool(delete_existing_uds_file, true,
            "[Front ends] remove a Unix socket that nobody listens on");
DEFINE_string(uds_mode, "0600",
              "[Front ends] permissions of the Unix sockets, octal; who may write may connect");
DEFINE_string(uds_group, "",
              "[Front ends] group of the Unix sockets, by name or number, which needs "
              "--uds-mode=0660; empty: this process's");
DEFINE_int32(agent_port, 8091, "[Agents] TCP port for agents; 0: a free one");
DEFINE_string(agent_bind_address, "", "[Agents] address of --agent-port; empty: all");
DEFINE_int32(health_port, 8092, "[Watching] TCP port for /healthz and /readyz; 0: a free one");
DEFINE_string(health_bind_address, "", "[Watching] address of --health-port; empty: all");
DEFINE_int32(admin_port, 8095, "[Watching] TCP port for /metrics; 0: a free one");
DEFINE_string(admin_bind_address, "127.0.0.1", "[Watching] address of --admin-port");
DEFINE_string(admin_uds_name, "",
              "[Watching] Unix socket for /metrics, /debug/sessions and /debug/connections; empty: "
              "none");
DEFINE_string(control_uds_name, "", "[Watching] Unix socket of the control API; empty: none");

DEFINE_string(server_cert, "", "[TLS] certificate chain of the front ends (PEM)");
DEFINE_string(server_key, "", "[TLS] private key of --server-cert");
DEFINE_string(server_ca_cert, "", "[TLS] CA of the clients' certificates");
DEFINE_string(cluster_cert, "", "[TLS] certificate chain of the agents' port (PEM)");
DEFINE_string(cluster_key, "", "[TLS] private key of --cluster-cert");
DEFINE_string(ticket_keys_file, "",
              "[TLS] keys of session tickets, 80 random bytes each, the newest first; servers that "
              "share them resume each other's sessions");
DEFINE_string(cluster_ca_cert, "",
              "[TLS] CA of the agents' certificates; empty: agents show tokens only");
DEFINE_string(tls_min_version, "VersionTLS12",
              "[TLS] VersionTLS12 or VersionTLS13; VersionTLS10 and VersionTLS11 are accepted, but "
              "1.2 stays the least");
HAWSER_DEFINE_LIST(cipher_suites,
                   "[TLS] cipher suites of TLS 1.2, comma separated; empty: the usual ones");

DEFINE_string(
    agent_identity, "auto",
    "[Agents] who agents are: certificate (the name in it; others are refused), asserted (what "
    "they announce), auto (the certificate's name where there is one)");
DEFINE_string(trust_domain, "",
              "[Agents] trust domain that names in certificates of agents and clients must have; "
              "empty: any");
DEFINE_string(cluster_domain, "",
              "[Agents] domain that may follow a cluster's name, such as .clusters.test");
DEFINE_string(proxy_strategies, "default",
              "[Agents] destHost, defaultRoute, default; comma separated");
DEFINE_string(
    config, "",
    "[Process] YAML file with limits, host-suffixes, grants and denied certificates, read "
    "again when it changes; docs/configuration.md");
DEFINE_bool(check_config, false,
            "[Process] only say what is wrong with the file of --config; exit code 0: nothing");
DEFINE_string(server_id, "",
              "[Agents] name of this server; empty: $PROXY_SERVER_ID, else a random one");
DEFINE_int32(server_count, 1, "[Agents] servers that agents should connect to");

DEFINE_int32(threads, 0, "[Process] event loops; 0: one per core");
DEFINE_string(keepalive_time, "15s", "[Agents] time between pings to agents");
DEFINE_string(frontend_keepalive_time, "15s", "[Front ends] time between pings to gRPC clients");
DEFINE_string(graceful_shutdown_timeout, "30s",
              "[Process] how long a stop waits for connections; 0: not at all");
DEFINE_string(backend_dial_timeout, "10s", "[Agents] deadline of a dial; 0: none");

namespace hawser::hub {
namespace {

using base::AnyDuration;
using base::AtLeast;
using base::BadFlag;
using base::BindAddress;
using base::PositiveDuration;

// What stands for none: longer than any process lives.
constexpr base::Duration kNoDeadline = std::chrono::hours(24 * 3650);

// `prefix`: of its flags.
absl::StatusOr<FrontEndOptions> FrontEnd(const std::string& prefix, const std::string& host,
                                         int port, const std::string& unix_path) {
  FrontEndOptions front{.unix_path = unix_path};
  if (port != 0 || unix_path.empty()) {
    HAWSER_ASSIGN_OR_RETURN(front.tcp,
                            BindAddress(prefix + "-bind-address", host, prefix + "-port", port));
  }
  return front;
}

absl::Status ReadFrontEnds(Options& options) {
  const bool both = FLAGS_mode == "grpc,http-connect" || FLAGS_mode == "http-connect,grpc";
  if (!both && FLAGS_mode != "grpc" && FLAGS_mode != "http-connect")
    return BadFlag("mode", "must be grpc, http-connect or grpc,http-connect, not " + FLAGS_mode);
  FrontEndOptions& first = FLAGS_mode == "http-connect" ? options.http_connect : options.grpc;
  HAWSER_ASSIGN_OR_RETURN(
      first, FrontEnd("server", FLAGS_server_bind_address, FLAGS_server_port, FLAGS_uds_name));
  if (both) {
    HAWSER_ASSIGN_OR_RETURN(options.http_connect,
                            FrontEnd("http-connect", FLAGS_http_connect_bind_address,
                                     FLAGS_http_connect_port, FLAGS_http_connect_uds_name));
  }
  options.delete_existing_uds = FLAGS_delete_existing_uds_file;
  HAWSER_ASSIGN_OR_RETURN(options.uds_access.mode, base::FileMode("uds-mode", FLAGS_uds_mode));
  if (!FLAGS_uds_group.empty()) {
    HAWSER_ASSIGN_OR_RETURN(options.uds_access.group, base::GroupId("uds-group", FLAGS_uds_group));
  }
  return absl::OkStatus();
}

absl::Status ReadPorts(Options& options) {
  HAWSER_ASSIGN_OR_RETURN(
      options.agents,
      BindAddress("agent-bind-address", FLAGS_agent_bind_address, "agent-port", FLAGS_agent_port));
  HAWSER_ASSIGN_OR_RETURN(
      options.health, BindAddress("health-bind-address", FLAGS_health_bind_address, "health-port",
                                  FLAGS_health_port));
  HAWSER_ASSIGN_OR_RETURN(options.admin, BindAddress("admin-bind-address", FLAGS_admin_bind_address,
                                                     "admin-port", FLAGS_admin_port));
  options.admin_path = FLAGS_admin_uds_name;
  options.control_path = FLAGS_control_uds_name;
  return absl::OkStatus();
}

absl::StatusOr<net::TlsFiles> Files(const std::string& prefix, const std::string& certificate,
                                    const std::string& key, const std::string& ca,
                                    bool ca_needed = true) {
  if (certificate.empty()) return BadFlag(prefix + "-cert", "is needed");
  if (key.empty()) return BadFlag(prefix + "-key", "is needed");
  // Without a CA everybody could connect: there is no such mode.
  if (ca.empty() && ca_needed)
    return BadFlag(prefix + "-ca-cert", "is needed: peers must be authenticated");
  return net::TlsFiles{certificate, key, ca};
}

absl::Status ReadTls(Options& options) {
  options.ticket_keys = FLAGS_ticket_keys_file;
  HAWSER_ASSIGN_OR_RETURN(options.cluster_tls,
                          Files("cluster", FLAGS_cluster_cert, FLAGS_cluster_key,
                                FLAGS_cluster_ca_cert, !options.agent_tokens.required()));
  if (options.grpc.tcp || options.http_connect.tcp) {
    HAWSER_ASSIGN_OR_RETURN(options.server_tls, Files("server", FLAGS_server_cert, FLAGS_server_key,
                                                      FLAGS_server_ca_cert));
  }
  const auto version = net::ParseTlsVersion(FLAGS_tls_min_version);
  if (!version.ok()) return BadFlag("tls-min-version", std::string(version.status().message()));
  options.tls_min_version = *version;
  options.cipher_suites = absl::StrSplit(FLAGS_cipher_suites, ',', absl::SkipEmpty());
  return absl::OkStatus();
}

absl::Status ReadRouting(Options& options) {
  if (FLAGS_agent_identity == "auto") {
    options.agent_identity = AgentIdentityMode::kAuto;
  } else if (FLAGS_agent_identity == "certificate") {
    if (options.cluster_tls.ca.empty())
      return BadFlag("cluster-ca-cert", "is needed with --agent-identity=certificate");
    options.agent_identity = AgentIdentityMode::kCertificate;
  } else if (FLAGS_agent_identity == "asserted") {
    options.agent_identity = AgentIdentityMode::kAsserted;
  } else {
    return BadFlag("agent-identity", "must be auto, certificate or asserted");
  }
  const std::vector<std::string> strategies = absl::StrSplit(FLAGS_proxy_strategies, ',');
  for (const std::string& name : strategies) {
    const auto strategy = tunnel::ParseStrategy(name);
    if (!strategy)
      return BadFlag("proxy-strategies",
                     "\"" + name + "\" is none of destHost, defaultRoute, default");
    options.strategies.push_back(*strategy);
  }
  const auto domain = tunnel::Domain::Parse(FLAGS_cluster_domain);
  if (!domain) return BadFlag("cluster-domain", "is no domain");
  options.cluster_domain = *domain;
  options.trust_domain = FLAGS_trust_domain;
  if (!FLAGS_trust_domain.empty() &&
      !pki::ParseIdentity("spiffe://" + FLAGS_trust_domain + "/client/x").ok())
    return BadFlag("trust-domain", "no trust domain: " + base::Quote(FLAGS_trust_domain));
  HAWSER_ASSIGN_OR_RETURN(options.server.id, base::ProcessId(FLAGS_server_id, "PROXY_SERVER_ID"));
  HAWSER_ASSIGN_OR_RETURN(options.server.count, AtLeast("server-count", FLAGS_server_count, 1));
  return absl::OkStatus();
}

absl::Status ReadTimes(Options& options) {
  HAWSER_ASSIGN_OR_RETURN(const int threads, AtLeast("threads", FLAGS_threads, 0));
  options.threads = threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency());
  HAWSER_ASSIGN_OR_RETURN(options.keepalive,
                          PositiveDuration("keepalive-time", FLAGS_keepalive_time));
  HAWSER_ASSIGN_OR_RETURN(
      options.frontend_keepalive,
      PositiveDuration("frontend-keepalive-time", FLAGS_frontend_keepalive_time));
  HAWSER_ASSIGN_OR_RETURN(options.backend_dial_timeout,
                          AnyDuration("backend-dial-timeout", FLAGS_backend_dial_timeout));
  if (options.backend_dial_timeout == base::Duration::zero())
    options.backend_dial_timeout = kNoDeadline;
  HAWSER_ASSIGN_OR_RETURN(
      options.graceful_shutdown_timeout,
      AnyDuration("graceful-shutdown-timeout", FLAGS_graceful_shutdown_timeout));
  return absl::OkStatus();
}

}  // namespace

AgentGrants GrantsOf(const ConfigFile& config, const Options& options) {
  return {.trust_domain = options.trust_domain,
          .names = {options.cluster_domain, config.host_suffixes},
          .identifiers = config.grants};
}

std::optional<absl::Status> CheckConfigFromFlags() {
  if (!FLAGS_check_config) return std::nullopt;
  if (FLAGS_config.empty()) return BadFlag("check-config", "needs --config");
  const auto config = LoadConfigFile(FLAGS_config);
  return config.ok() ? ReadLimits(config->limits).status() : config.status();
}

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  ConfigFile config;
  if (!FLAGS_config.empty()) {
    auto loaded = LoadConfigFile(FLAGS_config);
    if (!loaded.ok()) return BadFlag("config", std::string(loaded.status().message()));
    config = *std::move(loaded);
    options.config_file = FLAGS_config;
  }
  HAWSER_RETURN_IF_ERROR(ReadFrontEnds(options));
  HAWSER_RETURN_IF_ERROR(ReadPorts(options));
  HAWSER_ASSIGN_OR_RETURN(options.agent_tokens, AgentTokensFromFlags());
  HAWSER_ASSIGN_OR_RETURN(options.kubernetes, KubernetesApiFromFlags());
  HAWSER_RETURN_IF_ERROR(ReadTls(options));
  HAWSER_RETURN_IF_ERROR(ReadRouting(options));
  options.grants = GrantsOf(config, options);
  options.denied = config.denied;
  HAWSER_ASSIGN_OR_RETURN(options.leases, ServerLeasesFromFlags(options.server.id));
  HAWSER_RETURN_IF_ERROR(ReadTimes(options));
  HAWSER_ASSIGN_OR_RETURN(options.limits, ReadLimits(config.limits));
  HAWSER_RETURN_IF_ERROR(CheckCompatibilityFlags(options));
  return options;
}

}  // namespace hawser::hub
