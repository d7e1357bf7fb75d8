#include "spoke/agent.h"

#include <glog/logging.h>

#include <random>
#include <utility>
#include <variant>

#include "lib/base/descriptor_limit.h"
#include "lib/base/status.h"
#include "lib/net/proxy_dial.h"
#include "lib/pki/certificate.h"
#include "lib/pki/identity.h"
#include "spoke/bearer_token.h"
#include "spoke/config_file.h"
#include "spoke/lease_file.h"
#include "spoke/lease_watch.h"
#include "spoke/pages.h"

namespace hawser::spoke {
namespace {

using Response = net::Http1Server::Response;

// Of each step until a link is up: name, connection, handshake, answer.
constexpr base::Duration kLinkTimeout = std::chrono::seconds(10);
// How often files are looked at.
constexpr base::Duration kRefreshInterval = std::chrono::seconds(10);

tunnel::Reconnector::Random SeededRandom() {
  return [generator = std::mt19937_64(std::random_device()())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(generator);
  };
}

// What this agent's certificate calls its cluster is a name of its own, beside those announced.
absl::StatusOr<TargetNames> OwnNames(const Options& options, const net::TlsSource& tls) {
  TargetNames::Options names = options.names;
  const X509* certificate = SSL_CTX_get0_certificate(tls.context()->get());
  if (certificate == nullptr) return TargetNames(names);
  const auto identity = pki::IdentityOf(certificate);
  if (!identity.ok())
    return base::Annotate(identity.status(), "certificate " + options.tls.files.certificate);
  if (identity->has_value()) {
    const auto* cluster = std::get_if<pki::ClusterIdentity>(&**identity);
    if (cluster == nullptr)
      return absl::InvalidArgumentError("certificate " + options.tls.files.certificate +
                                        " is a hub client's, not an agent's");
    names.own_names.insert(cluster->cluster);
  }
  return TargetNames(names);
}

tunnel::SessionOptions SessionOptions(tunnel::SessionOptions options,
                                      std::shared_ptr<tunnel::MemoryBudget> memory) {
  options.memory = std::move(memory);
  return options;
}

// When this agent's certificate expires; empty without one.
std::optional<pki::WallTime> Expiry(const net::TlsContext& tls) {
  const X509* certificate = SSL_CTX_get0_certificate(tls.get());
  if (certificate == nullptr) return std::nullopt;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return now + pki::TimeLeft(certificate, now);
}

// Null where servers say how many they are.
absl::StatusOr<std::unique_ptr<ServerCounter>> MakeLeaseCounter(const Options& options) {
  if (!options.leases) return nullptr;
  const LeaseOptions& leases = *options.leases;
  const auto now = &std::chrono::system_clock::now;
  if (!leases.file.empty()) return std::make_unique<LeaseFile>(leases.file, leases.filter, now);
  auto config = kube::LoadConfig(options.kubeconfig);
  if (!config.ok()) return base::Annotate(config.status(), "count servers' leases");
  return std::make_unique<LeaseWatch>(*std::move(config), leases.filter, now);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Agent>> Agent::Create(const Options& options) {
  HAWSER_ASSIGN_OR_RETURN(net::TlsSource tls, net::TlsSource::Client(options.tls));
  HAWSER_ASSIGN_OR_RETURN(TargetNames names, OwnNames(options, tls));
  std::shared_ptr<net::TlsContext> proxy_tls;
  if (options.proxies.tls()) {
    HAWSER_ASSIGN_OR_RETURN(proxy_tls, net::ProxyTls(options.proxy_ca));
  }
  // What is missing from the start should not look like a server that is down.
  if (!options.token_path.empty())
    HAWSER_RETURN_IF_ERROR(ReadBearerToken(options.token_path).status());
  HAWSER_ASSIGN_OR_RETURN(auto leases, MakeLeaseCounter(options));
  std::unique_ptr<Agent> agent(new Agent(options, std::move(tls), std::move(proxy_tls),
                                         std::move(names), std::move(leases)));
  HAWSER_RETURN_IF_ERROR(agent->CreateHealthLease());
  HAWSER_RETURN_IF_ERROR(agent->CreatePortForward());
  HAWSER_RETURN_IF_ERROR(agent->CreatePages());
  return agent;
}

Agent::Agent(const Options& options, net::TlsSource tls, std::shared_ptr<net::TlsContext> proxy_tls,
             TargetNames names, std::unique_ptr<ServerCounter> leases)
    : options_(options),
      memory_(std::make_shared<tunnel::MemoryBudget>(options.buffered_bytes)),
      clients_(memory_, base::DescriptorLimit()),
      server_resolver_(loop_),
      target_resolver_(loop_),
      tls_(std::move(tls)),
      link_options_{.agent_id = options.agent_id,
                    .identifiers = options.identifiers,
                    .keepalive = options.keepalive,
                    .timeout = kLinkTimeout,
                    .drain_timeout = options.replaced_link_timeout,
                    .token_path = options.token_path,
                    .proxies = options.proxies,
                    .proxy_tls = std::move(proxy_tls),
                    .session = SessionOptions(options.session, memory_),
                    .clients = clients_,
                    .targets = {std::move(names), options.allow_list, options.dial_timeout}},
      config_watch_({options.config_file}, /*read=*/true),
      leases_(std::move(leases)),
      servers_(
          loop_,
          {.addresses = options.servers,
           .backoff = options.backoff,
           .random = SeededRandom(),
           .sync_forever = options.sync_forever,
           .larger_count = options.larger_count,
           .count_interval = options.probe_interval},
          counters_, leases_.get(),
          [this](const auto& address, auto admit, auto& owner) {
            return MakeLink(address, std::move(admit), owner);
          },
          [this](bool linked) {
            if (health_lease_ != nullptr) health_lease_->SetConnected(linked);
          }),
      signals_(
          loop_, [this] { Stop(); }, [this] { Reload(); }),
      refresh_(loop_),
      drain_deadline_(loop_) {}

std::unique_ptr<ServerLink> Agent::MakeLink(const base::HostPort& address, ServerLink::Admit admit,
                                            tunnel::LinkOwner& owner) {
  return std::make_unique<ServerLink>(
      loop_, ServerLink::Resolvers{server_resolver_, target_resolver_}, link_options_, counters_,
      tls_.context(), address, std::move(admit), owner);
}

absl::Status Agent::CreateHealthLease() {
  if (!options_.health_lease) return absl::OkStatus();
  auto config = kube::LoadConfig(options_.kubeconfig);
  if (!config.ok()) return base::Annotate(config.status(), "health lease");
  health_lease_ = std::make_unique<HealthLease>(
      *std::move(config),
      HealthLease::Options{.name = *options_.health_lease, .holder = options_.agent_id});
  return absl::OkStatus();
}

absl::Status Agent::CreatePortForward() {
  if (!options_.port_forward) return absl::OkStatus();
  auto config = kube::LoadKubeconfig(options_.hub_kubeconfig);
  if (!config.ok()) return base::Annotate(config.status(), "port-forward");
  port_forward_ = std::make_unique<PortForward>(loop_, server_resolver_, *std::move(config),
                                                *options_.port_forward);
  link_options_.port_forward = port_forward_.get();
  return absl::OkStatus();
}

absl::Status Agent::CreatePages() {
  using Port = absl::StatusOr<std::unique_ptr<net::PagePort>>;
  const auto serve = [this](const char* what, Port port) -> Port {
    if (!port.ok()) return base::Annotate(port.status(), std::string("serve ") + what);
    served_.push_back({what, (*port)->address()});
    return port;
  };
  net::EventLoop& pages = pages_thread_.loop();
  HAWSER_ASSIGN_OR_RETURN(health_, serve("health", net::PagePort::Listen(pages, options_.health)));
  HAWSER_ASSIGN_OR_RETURN(admin_, serve("admin", net::PagePort::Listen(pages, options_.admin)));
  health_->pages().Handle("/healthz", [](const std::string&) { return Response{.body = "ok"}; });
  // The second name is the reference's old one. Its metrics are on both ports, too.
  for (const char* path : {"/readyz", "/ready"})
    health_->pages().HandleOn(loop_, path, [this](const std::string& query) {
      return [ready = Ready(query)] { return ready; };
    });
  if (!options_.admin_path.empty()) {
    HAWSER_ASSIGN_OR_RETURN(debug_,
                            serve("debug", net::PagePort::ListenUnix(pages, options_.admin_path)));
    debug_->pages().HandleOn(loop_, "/debug/connections", [this](const std::string&) {
      return [connections = ListConnections(servers_, loop_.Now())] {
        return Response{.content_type = "application/json", .body = ConnectionsJson(connections)};
      };
    });
  }
  for (net::PagePort* port : {health_.get(), admin_.get(), debug_.get()})
    if (port != nullptr)
      port->pages().HandleOn(loop_, "/metrics", [this](const std::string&) {
        return [picture = Look()] {
          return Response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                          .body = MetricsText(picture)};
        };
      });
  return absl::OkStatus();
}

Response Agent::Ready(const std::string& query) const {
  const Readiness readiness = CheckReadiness(servers_, draining_);
  const bool verbose = query == "verbose" || query.starts_with("verbose=");
  return {.status = readiness.ready ? 200 : 503,
          .body = readiness.ready && !verbose ? "ok" : readiness.text};
}

Picture Agent::Look() const {
  return TakePicture({.servers = servers_,
                      .counters = counters_,
                      .leases = leases_.get(),
                      .health_lease = health_lease_.get(),
                      .target_names = target_resolver_,
                      .clients = clients_,
                      .pages = {&health_->pages(), &admin_->pages()},
                      .failed_reloads = tls_.failures(),
                      .certificate_expiry = Expiry(*tls_.context())});
}

void Agent::Run() {
  pages_thread_.Start();
  loop_.Post([this] { servers_.Start(); });
  refresh_.Set(kRefreshInterval, [this] { Refresh(/*asked=*/false); });
  loop_.Run();
  pages_thread_.Stop();
}

void Agent::Stop() {
  loop_.Post([this] {
    if (draining_) {
      Finish();
    } else {
      Drain();
    }
  });
}

void Agent::Reload() {
  loop_.Post([this] {
    Refresh(/*asked=*/true);
    server_resolver_.Reload();
    target_resolver_.Reload();
  });
}

void Agent::HandleSignals() { signals_.Handle(); }

void Agent::Refresh(bool asked) {
  refresh_.Set(kRefreshInterval, [this] { Refresh(/*asked=*/false); });
  RefreshTls(asked);
  heap_.Observe(memory_->used());
  if (const absl::Status status = RefreshConfig(asked); !status.ok())
    LOG(ERROR) << "configuration not reloaded: " << std::string(status.message());
}

void Agent::RefreshTls(bool asked) {
  const auto renewed = tls_.Refresh(asked);
  if (!renewed.ok()) {
    LOG(ERROR) << "certificates not reloaded: " << std::string(renewed.status().message());
  } else if (*renewed) {
    LOG(INFO) << "certificates reloaded, links are replaced";
    servers_.Replace();
  }
}

absl::Status Agent::RefreshConfig(bool asked) {
  if (options_.config_file.empty() || !config_watch_.Due(asked)) return absl::OkStatus();
  auto config = LoadConfigFile(options_.config_file);
  const bool news = config_watch_.Done(config.status());
  if (!config.ok()) return news ? config.status() : absl::OkStatus();
  config->resolve.AddAll(options_.command_line_names);
  TargetRules& rules = link_options_.targets;
  rules.allow_list = std::move(config->allow_list);
  rules.allow_list.SetOwnAddresses(options_.own_addresses);
  rules.names.SetTable(std::move(config->resolve));
  LOG(INFO) << "allow and resolve of " << options_.config_file << " reloaded";
  return absl::OkStatus();
}

void Agent::Drain() {
  draining_ = true;
  LOG(INFO) << "stopping: open connections may end by themselves";
  drain_deadline_.Set(options_.graceful_shutdown_timeout, [this] { Finish(); });
  servers_.Drain([this] { Finish(); });
}

void Agent::Finish() {
  LOG(INFO) << "stopped";
  loop_.Stop();
}

}  // namespace hawser::spoke
