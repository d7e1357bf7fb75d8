#include "spoke/options.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "lib/base/duration.h"
#include "lib/base/flag_values.h"
#include "lib/base/flags.h"
#include "lib/base/memory_limit.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/kube/lease.h"
#include "lib/tunnel/host_name.h"
#include "lib/tunnel/identifiers.h"
#include "spoke/config_file.h"
#include "spoke/target_address.h"

HAWSER_DEFINE_LIST(proxy_server_host,
                   "[Servers] names or addresses to connect to, with a port or without, comma "
                   "separated; all addresses of a name are tried; empty: 127.0.0.1");
DEFINE_int32(proxy_server_port, 8091, "[Servers] port of servers that come without one");
DEFINE_string(keepalive_time, "15s", "[Servers] time between pings to servers");
DEFINE_string(sync_interval, "200ms",
              "[Servers] the wait between attempts to connect is drawn from zero to a limit, which "
              "begins with this and doubles");
DEFINE_string(sync_interval_cap, "10s", "[Servers] the highest such limit");
DEFINE_string(graceful_shutdown_timeout, "30s",
              "[Servers] how long a stop waits for connections to end");
DEFINE_string(replaced_link_timeout, "1h",
              "[Servers] how long connections of a link may go on after another one has replaced "
              "it, because of a new certificate");

DEFINE_string(hub_port_forward, "",
              "[Hub's Kubernetes API] namespace/labels:port of the servers' pods, such as "
              "hub/app=proxy-server:8091: they are reached by a port-forward of the API server of "
              "--hub-kubeconfig; --proxy-server-host is then only the name in their certificates");
DEFINE_string(hub_kubeconfig, "", "[Hub's Kubernetes API] kubeconfig file, for --hub-port-forward");

DEFINE_string(proxy_url, "",
              "[HTTP proxy] http://host:port or https://host:port of the proxy on the way to "
              "servers; empty: $HTTPS_PROXY, where a password is better kept. $NO_PROXY lists what "
              "is reached directly");
DEFINE_string(proxy_ca_cert, "",
              "[HTTP proxy] CA of proxies with https; empty: the CAs of the system");

DEFINE_bool(sync_forever, false,
            "[Number of servers] always look for one more server than is known of");
DEFINE_string(probe_interval, "1s", "[Number of servers] time between counts of leases");
DEFINE_bool(count_server_leases, false,
            "[Number of servers] count the servers' leases, instead of believing what servers say");
DEFINE_string(server_count_source, "default",
              "[Number of servers] with --count-server-leases, default: the leases' number; max: "
              "the larger one of that and what servers say");
DEFINE_string(
    lease_file, "",
    "[Number of servers] file with the leases, a Kubernetes LeaseList in JSON, which is read "
    "again when it changes; empty: they are read from the Kubernetes API");
DEFINE_string(lease_namespace, "kube-system", "[Number of servers] namespace of the leases");
DEFINE_string(lease_label_selector, "",
              "[Number of servers] labels of the leases; empty: --lease-label");
DEFINE_string(lease_label, "k8s-app=konnectivity-server",
              "[Number of servers] the same by its old name");

DEFINE_string(health_lease, "",
              "[Kubernetes API] namespace/name of a Lease in this cluster that is renewed while "
              "there is a link to a server, as Open Cluster Management wants it; empty: none");
DEFINE_string(kubeconfig, "", "[Kubernetes API] kubeconfig file; empty: that of the pod");

DEFINE_string(agent_cert, "", "[TLS] this agent's certificate chain (PEM); empty: none");
DEFINE_string(agent_key, "", "[TLS] private key of --agent-cert");
DEFINE_string(ca_cert, "", "[TLS] CA of the servers' certificates");
HAWSER_DEFINE_LIST(alpn_proto, "[TLS] protocols to offer before h2, comma separated");
DEFINE_string(tls_min_version, "VersionTLS12",
              "[TLS] VersionTLS12 or VersionTLS13; VersionTLS10 and VersionTLS11 mean 1.2 too, the "
              "least that is spoken");
HAWSER_DEFINE_LIST(cipher_suites,
                   "[TLS] suites of TLS 1.2, comma separated; empty: those that are sound");

DEFINE_string(agent_id, "",
              "[Identity] name of this agent; empty: $PROXY_AGENT_ID, else a random one");
DEFINE_string(agent_identifiers, "",
              "[Identity] what this agent announces that it can be asked for: "
              "host=paris&ipv4=10.0.0.7&default-route=true and the like");
DEFINE_string(cluster_domain, "", "[Identity] the hub's domain that may follow a cluster's name");
DEFINE_string(service_account_token_path, "",
              "[Identity] file with a token that is sent to servers; it may change at any time");

DEFINE_string(resolve, "",
              "[Targets] names this agent resolves by itself: name=address[:port], comma "
              "separated, ahead of /etc/hosts and DNS");
DEFINE_string(
    kube_apiserver, "kubernetes.default.svc:443",
    "[Targets] host:port that the bare cluster name leads to; empty: it is a name like any other");
DEFINE_string(config, "", "[Targets] YAML file with allow and resolve");
DEFINE_string(dial_timeout, "5s", "[Targets] deadline of a dial, name resolution included");

DEFINE_string(
    health_server_host, "",
    "[Health and metrics] address that serves /healthz, /readyz and /metrics; empty: all");
DEFINE_int32(health_server_port, 8093, "[Health and metrics] its TCP port; 0: a free one");
DEFINE_string(admin_bind_address, "127.0.0.1",
              "[Health and metrics] address that serves /metrics and /debug; empty: all");
DEFINE_int32(admin_server_port, 8094, "[Health and metrics] its TCP port; 0: a free one");

DEFINE_int32(max_pending_dials, 1000, "[Limits] unfinished dials of one server");
DEFINE_int64(max_buffered_bytes, 0,
             "[Limits] bytes queued for slow targets, in all; 0: a quarter of the memory that the "
             "container or machine has, at most 1 GiB");
DEFINE_int64(first_window, 256 * 1024, "[Limits] bytes a new connection may have on its way");
DEFINE_int64(max_window, 1024 * 1024, "[Limits] bytes a connection may have on its way");

DEFINE_int32(xfr_channel_size, 150, "[Without effect] windows of bytes do its work");
DEFINE_bool(warn_on_channel_limit, false, "[Without effect] see hawser_window_stalls_total");
DEFINE_bool(enable_profiling, false, "[Without effect] there is no Go runtime to profile");
DEFINE_bool(enable_contention_profiling, false, "[Without effect] only with --enable-profiling");
DEFINE_string(kube_api_content_type, "application/vnd.kubernetes.protobuf",
              "[Without effect] JSON is spoken");

namespace hawser::spoke {
namespace {

using base::BadFlag;

absl::Status ReadServers(Options& options) {
  const std::string hosts = FLAGS_proxy_server_host.empty() ? "127.0.0.1" : FLAGS_proxy_server_host;
  const std::vector<std::string> servers = absl::StrSplit(hosts, ',', absl::SkipEmpty());
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
    address.host = WithFinalDot(address.host, server);
    options.servers.push_back(address);
  }
  return absl::OkStatus();
}

absl::Status ReadProxies(Options& options) {
  auto proxies = net::ProxySettings::Make(FLAGS_proxy_url, net::ProxySettings::FromEnvironment());
  if (!proxies.ok()) {
    const std::string why(proxies.status().message());
    if (!FLAGS_proxy_url.empty()) return BadFlag("proxy-url", why);
    return absl::InvalidArgumentError("environment variable HTTPS_PROXY: " + why);
  }
  options.proxies = *std::move(proxies);
  options.proxy_ca = FLAGS_proxy_ca_cert;
  return absl::OkStatus();
}

absl::Status ReadServerCount(Options& options) {
  options.sync_forever = FLAGS_sync_forever;
  HAWSER_ASSIGN_OR_RETURN(options.probe_interval,
                          base::PositiveDuration("probe-interval", FLAGS_probe_interval));
  const std::string& source = FLAGS_server_count_source;
  if (source != "" && source != "default" && source != "max")
    return BadFlag("server-count-source", "must be default or max");
  options.larger_count = source == "max";
  const bool old_name = FLAGS_lease_label_selector.empty();
  auto labels = LabelSelector::Parse(old_name ? FLAGS_lease_label : FLAGS_lease_label_selector);
  if (!labels.ok())
    return BadFlag(old_name ? "lease-label" : "lease-label-selector",
                   std::string(labels.status().message()));
  if (!kube::CollectionPath(kube::kLeases, FLAGS_lease_namespace).ok())
    return BadFlag("lease-namespace", "not a namespace: " + base::Quote(FLAGS_lease_namespace));
  if (!FLAGS_count_server_leases) return absl::OkStatus();
  options.leases = {FLAGS_lease_file, {FLAGS_lease_namespace, *std::move(labels)}};
  return absl::OkStatus();
}

absl::Status ReadKubernetes(Options& options) {
  options.kubeconfig = FLAGS_kubeconfig;
  if (FLAGS_health_lease.empty()) return absl::OkStatus();
  const std::vector<std::string> name = absl::StrSplit(FLAGS_health_lease, '/');
  if (name.size() != 2 || name[0].empty() || name[1].empty() ||
      !kube::ObjectPath(kube::kLeases, {name[0], name[1]}).ok())
    return BadFlag("health-lease", "want namespace/name: " + base::Quote(FLAGS_health_lease));
  options.health_lease = {name[0], name[1]};
  return absl::OkStatus();
}

// namespace/labels:port; labels may have slashes, neither namespaces nor labels have colons.
absl::StatusOr<PortForwardTarget> ParsePortForward(const std::string& text) {
  const size_t slash = text.find('/');
  const size_t colon = text.rfind(':');
  const std::string want = "want namespace/labels:port: " + base::Quote(text);
  if (slash == std::string::npos || colon == std::string::npos || colon < slash)
    return absl::InvalidArgumentError(want);
  PortForwardTarget target{.ns = text.substr(0, slash),
                           .label_selector = text.substr(slash + 1, colon - slash - 1)};
  uint32_t port = 0;
  if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port == 0 || port > UINT16_MAX ||
      target.ns.empty() || target.label_selector.empty() ||
      !LabelSelector::Parse(target.label_selector).ok())
    return absl::InvalidArgumentError(want);
  target.port = static_cast<uint16_t>(port);
  return target;
}

absl::Status ReadPortForward(Options& options) {
  if (FLAGS_hub_port_forward.empty()) {
    if (!FLAGS_hub_kubeconfig.empty()) return BadFlag("hub-kubeconfig", "needs --hub-port-forward");
    return absl::OkStatus();
  }
  const auto target = ParsePortForward(FLAGS_hub_port_forward);
  if (!target.ok()) return BadFlag("hub-port-forward", std::string(target.status().message()));
  // The pod's own service account is one of another cluster.
  if (FLAGS_hub_kubeconfig.empty()) return BadFlag("hub-port-forward", "needs --hub-kubeconfig");
  options.port_forward = *target;
  options.hub_kubeconfig = FLAGS_hub_kubeconfig;
  return absl::OkStatus();
}

// What has no effect, but must make sense.
absl::Status CheckAccepted() {
  HAWSER_RETURN_IF_ERROR(base::AtLeast("xfr-channel-size", FLAGS_xfr_channel_size, 1).status());
  if (FLAGS_enable_contention_profiling && !FLAGS_enable_profiling)
    return BadFlag("enable-contention-profiling", "needs --enable-profiling");
  return absl::OkStatus();
}

absl::Status ReadTls(net::TlsOptions& tls) {
  if (FLAGS_ca_cert.empty()) return BadFlag("ca-cert", "is needed: servers must be authenticated");
  if (FLAGS_agent_cert.empty() && !FLAGS_agent_key.empty())
    return BadFlag("agent-cert", "is needed with --agent-key");
  if (FLAGS_agent_key.empty() && !FLAGS_agent_cert.empty())
    return BadFlag("agent-key", "is needed with --agent-cert");
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
  const auto identifiers =
      tunnel::ParseIdentifiers(FLAGS_agent_identifiers, tunnel::UnknownKeys::kRefuse);
  if (!identifiers.ok())
    return BadFlag("agent-identifiers", std::string(identifiers.status().message()));
  options.identifiers = FLAGS_agent_identifiers;
  // Longer names are answered as they are, not stripped off others.
  for (const std::string& host : identifiers->hosts)
    if (host.find('.') == std::string::npos) options.names.own_names.insert(host);
  options.names.domain = FLAGS_cluster_domain;
  options.token_path = FLAGS_service_account_token_path;
  return absl::OkStatus();
}

absl::Status ReadTargets(Options& options) {
  if (!FLAGS_kube_apiserver.empty()) {
    const auto kube_apiserver = ParseTargetAddress(FLAGS_kube_apiserver);
    if (!kube_apiserver.ok())
      return BadFlag("kube-apiserver", std::string(kube_apiserver.status().message()));
    options.names.kube_apiserver = *kube_apiserver;
  }
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
  HAWSER_ASSIGN_OR_RETURN(
      options.graceful_shutdown_timeout,
      base::AnyDuration("graceful-shutdown-timeout", FLAGS_graceful_shutdown_timeout));
  HAWSER_ASSIGN_OR_RETURN(options.replaced_link_timeout,
                          base::AnyDuration("replaced-link-timeout", FLAGS_replaced_link_timeout));
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
  HAWSER_ASSIGN_OR_RETURN(options.buffered_bytes,
                          base::BufferBudget("max-buffered-bytes", FLAGS_max_buffered_bytes));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  HAWSER_RETURN_IF_ERROR(ReadServers(options));
  HAWSER_RETURN_IF_ERROR(ReadProxies(options));
  HAWSER_RETURN_IF_ERROR(ReadServerCount(options));
  HAWSER_RETURN_IF_ERROR(ReadKubernetes(options));
  HAWSER_RETURN_IF_ERROR(ReadPortForward(options));
  HAWSER_RETURN_IF_ERROR(CheckAccepted());
  HAWSER_RETURN_IF_ERROR(ReadTls(options.tls));
  HAWSER_RETURN_IF_ERROR(ReadIdentity(options));
  HAWSER_RETURN_IF_ERROR(ReadTargets(options));
  HAWSER_RETURN_IF_ERROR(ReadTimes(options));
  HAWSER_RETURN_IF_ERROR(ReadLimits(options));
  HAWSER_ASSIGN_OR_RETURN(options.health,
                          base::BindAddress("health-server-host", FLAGS_health_server_host,
                                            "health-server-port", FLAGS_health_server_port));
  HAWSER_ASSIGN_OR_RETURN(options.admin,
                          base::BindAddress("admin-bind-address", FLAGS_admin_bind_address,
                                            "admin-server-port", FLAGS_admin_server_port));
  return options;
}

}  // namespace hawser::spoke
