#include "hub/hub.h"

#include <glog/logging.h>
#include <sys/resource.h>

#include <cstdlib>

#include "absl/strings/str_join.h"
#include "hub/metrics.h"
#include "hub/pages.h"
#include "hub/snapshot.h"
#include "hub/token_review.h"
#include "lib/base/status.h"
#include "lib/kube/config.h"

namespace hawser::hub {
namespace {

// How many connections clients may have, so that agents find descriptors too.
size_t ClientConnections(size_t reserve) {
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  return descriptors.rlim_cur > 2 * reserve ? descriptors.rlim_cur - reserve : reserve;
}

ConnectionLimits::Options ConnectionOptions(const Limits& limits) {
  return {.per_address = limits.connections_per_address,
          .per_identity = limits.connections_per_identity,
          .per_cluster = limits.sessions_per_cluster,
          .front_ends = ClientConnections(limits.descriptor_reserve)};
}

SessionRegistry::Limits SessionLimits(const Limits& limits) {
  return {.pending_dials = limits.pending_dials,
          .sessions_per_cluster = limits.sessions_per_cluster};
}

MemoryShares::Limits MemoryLimits(const Limits& limits) {
  return {.total = limits.buffered_bytes, .per_identity = limits.buffered_bytes_per_identity};
}

// An agent has one stream per connection, and a second one while it replaces that.
constexpr uint32_t kAgentStreams = 2;

// What a connection holds beside queued bytes: its sockets, TLS and HTTP/2 states.
constexpr uint64_t kConnectionMemory = 40 * 1024;

// How often files are looked at, and whether memory can be given back.
constexpr base::Duration kWatchInterval = std::chrono::seconds(10);

}  // namespace

Hub::Hub(const Options& options)
    : options_(options),
      memory_(MemoryLimits(options.limits)),
      registry_(options.strategies, options.cluster_domain, SessionLimits(options.limits)),
      limits_(ConnectionOptions(options.limits)),
      control_state_(shards_, registry_),
      control_lists_(control_state_),
      signals_(
          loop_, [this] { Stop(); }, [this] { Reload(); }),
      config_(options.config_file),
      watch_(loop_),
      drain_deadline_(loop_) {
  for (size_t i = 0; i < options_.threads; ++i) shards_.push_back(std::make_unique<Shard>());
}

absl::StatusOr<std::unique_ptr<Hub>> Hub::Create(const Options& options) {
  std::unique_ptr<Hub> hub(new Hub(options));
  // What is wrong with the files is said before any port is touched.
  HAWSER_RETURN_IF_ERROR(hub->CreateTokens());
  HAWSER_RETURN_IF_ERROR(hub->CreateLeaseClient());
  HAWSER_RETURN_IF_ERROR(hub->CreateAgentPort());
  HAWSER_RETURN_IF_ERROR(hub->CreateFrontEnds());
  HAWSER_RETURN_IF_ERROR(hub->Listen());
  HAWSER_RETURN_IF_ERROR(hub->CreatePages());
  for (const auto& shard : hub->shards_) shard->Start();
  hub->health_thread_.Start();
  HAWSER_RETURN_IF_ERROR(hub->CreateControl());
  return hub;
}

Hub::~Hub() { Shutdown(); }

tunnel::SessionOptions Hub::SessionOptions() {
  return {.first_window = options_.limits.first_window,
          .max_window = options_.limits.max_window,
          // The registry counts them, by a limit that may change.
          .max_pending_dials = SIZE_MAX};
}

absl::StatusOr<std::shared_ptr<const TlsSlot>> Hub::LoadTls(Port port, const net::TlsFiles& files) {
  net::TlsOptions tls{.files = files,
                      .min_version = options_.tls_min_version,
                      .cipher_suites = options_.cipher_suites,
                      .session_context = PortName(port)};
  // Who agents are is then in their tokens alone.
  if (port == Port::kAgents && tokens_ != nullptr) tls.client_certificates = !files.ca.empty();
  if (port == Port::kHttpConnect) {
    tls.alpn = {"http/1.1"};
    tls.require_alpn = false;
  }
  return certificates_.Add(port == Port::kAgents ? "agents" : "front_end", tls);
}

absl::StatusOr<kube::Config> Hub::LoadKubeConfig(const char* purpose) const {
  auto config = kube::LoadConfig(options_.kubernetes.kubeconfig);
  if (!config.ok()) return base::Annotate(config.status(), purpose);
  return config;
}

kube::Client::Options Hub::KubeOptions() const {
  kube::Client::Options client;
  if (options_.kubernetes.qps > 0) client.qps = options_.kubernetes.qps;
  if (options_.kubernetes.burst > 0) client.burst = options_.kubernetes.burst;
  return client;
}

absl::Status Hub::CreateTokens() {
  const AgentTokens& tokens = options_.agent_tokens;
  if (!tokens.required()) return absl::OkStatus();
  if (!tokens.file.empty()) {
    HAWSER_ASSIGN_OR_RETURN(auto file, TokenFile::Load(tokens.file, tokens.user));
    token_file_ = file.get();
    tokens_ = std::move(file);
    return absl::OkStatus();
  }
  HAWSER_ASSIGN_OR_RETURN(auto config, LoadKubeConfig("check agents' tokens"));
  tokens_ = std::make_unique<TokenReview>(
      std::move(config),
      TokenReview::Options{
          .user = tokens.user, .audience = tokens.audience, .client = KubeOptions()});
  return absl::OkStatus();
}

absl::Status Hub::CreateLeaseClient() {
  if (!options_.leases) return absl::OkStatus();
  HAWSER_ASSIGN_OR_RETURN(auto config, LoadKubeConfig("publish a lease"));
  lease_client_ = std::make_unique<kube::Client>(std::move(config), KubeOptions());
  return absl::OkStatus();
}

absl::Status Hub::CreateAgentPort() {
  HAWSER_ASSIGN_OR_RETURN(auto tls, LoadTls(Port::kAgents, options_.cluster_tls));
  agents_ = std::make_unique<AgentPort>(
      AgentPort::Options{
          .socket = {.port = Port::kAgents,
                     .tcp = options_.agents,
                     .tls = std::move(tls),
                     .handshake_timeout = options_.limits.handshake_timeout,
                     .spread_by_load = true,
                     .memory = &memory_},
          .transport = {.keepalive = options_.keepalive, .max_streams = kAgentStreams},
          .first_call_timeout = options_.limits.request_head_timeout,
          .session = SessionOptions(),
          .identity_mode = options_.agent_identity,
          .server = options_.server,
          .tokens = tokens_.get()},
      options_.grants, shards_, limits_, registry_);
  return absl::OkStatus();
}

absl::Status Hub::CreateFrontEnds() {
  const auto socket = [this](Port port,
                             const FrontEndOptions& front) -> absl::StatusOr<SocketPort::Options> {
    SocketPort::Options socket{.port = port,
                               .tcp = front.tcp,
                               .unix_path = front.unix_path,
                               .replace_stale_socket = options_.delete_existing_uds,
                               .handshake_timeout = options_.limits.handshake_timeout,
                               .memory = &memory_};
    if (!front.tcp) return socket;
    HAWSER_ASSIGN_OR_RETURN(socket.tls, LoadTls(port, options_.server_tls));
    return socket;
  };
  if (options_.grpc.enabled()) {
    GrpcFront::Options grpc;
    HAWSER_ASSIGN_OR_RETURN(grpc.socket, socket(Port::kGrpc, options_.grpc));
    grpc.socket.spread_by_load = true;
    grpc.transport.keepalive = options_.frontend_keepalive;
    grpc.transport.max_streams = static_cast<uint32_t>(options_.limits.streams_per_connection);
    // What a client may have on its way for a connection that is not read.
    grpc.transport.stream_window = static_cast<uint32_t>(options_.limits.max_window);
    grpc.session = SessionOptions();
    grpc.session.one_connection = true;
    grpc.dial_timeout = options_.backend_dial_timeout;
    grpc_ =
        std::make_unique<GrpcFront>(std::move(grpc), shards_, limits_, registry_, control_lists_);
  }
  if (options_.http_connect.enabled()) {
    ConnectFront::Options connect;
    HAWSER_ASSIGN_OR_RETURN(connect.socket, socket(Port::kHttpConnect, options_.http_connect));
    connect.head_timeout = options_.limits.request_head_timeout;
    connect.dial_timeout = options_.backend_dial_timeout;
    http_connect_ = std::make_unique<ConnectFront>(std::move(connect), shards_, limits_, registry_);
  }
  return absl::OkStatus();
}

absl::Status Hub::Listen() {
  const auto listen = [this](Port name, auto& port) -> absl::Status {
    if (port == nullptr) return absl::OkStatus();
    HAWSER_RETURN_IF_ERROR(port->Listen());
    for (const std::string& address : port->addresses())
      served_.push_back({PortName(name), address});
    return absl::OkStatus();
  };
  HAWSER_RETURN_IF_ERROR(listen(Port::kAgents, agents_));
  HAWSER_RETURN_IF_ERROR(listen(Port::kGrpc, grpc_));
  return listen(Port::kHttpConnect, http_connect_);
}

absl::Status Hub::CreateControl() {
  if (options_.control_path.empty()) return absl::OkStatus();
  HAWSER_ASSIGN_OR_RETURN(control_,
                          control::Server::Start("unix:" + options_.control_path, control_state_));
  served_.push_back({"control", control_->address()});
  return absl::OkStatus();
}

absl::Status Hub::CreatePages() {
  const auto listen =
      [this](net::EventLoop& loop, const char* what,
             const base::HostPort& address) -> absl::StatusOr<std::unique_ptr<net::PagePort>> {
    auto port = net::PagePort::Listen(loop, address);
    if (!port.ok()) return base::Annotate(port.status(), std::string("serve ") + what);
    served_.push_back({what, (*port)->address()});
    return port;
  };
  HAWSER_ASSIGN_OR_RETURN(health_, listen(health_thread_.loop(), "health", options_.health));
  HAWSER_ASSIGN_OR_RETURN(admin_, listen(loop_, "admin", options_.admin));
  using Response = net::Http1Server::Response;
  net::Http1Server& health = health_->pages();
  health.Handle("/healthz", [](const std::string&) { return Response{.body = "ok\n"}; });
  health.Handle("/readyz", [this](const std::string& query) { return Ready(query); });
  net::Http1Server& admin = admin_->pages();
  admin.Handle("/metrics", [this](const std::string&) { return Metrics(); });
  admin.Handle("/debug/sessions", [this](const std::string&) {
    return Response{.content_type = "application/json",
                    .body = SessionsJson(TakeSnapshot(shards_).agents)};
  });
  admin.Handle("/debug/connections", [this](const std::string&) {
    return Response{.content_type = "application/json",
                    .body = ConnectionsJson(ListConnections(shards_))};
  });
  return absl::OkStatus();
}

net::Http1Server::Response Hub::Ready(const std::string& query) const {
  const Readiness readiness = CheckReadiness(registry_, draining_);
  const bool verbose = query == "verbose" || query.starts_with("verbose=");
  return {.status = readiness.ready ? 200 : 503,
          .body = readiness.ready && !verbose ? "ok\n" : readiness.text};
}

net::Http1Server::Response Hub::Metrics() const {
  const Snapshot snapshot = TakeSnapshot(shards_);
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = MetricsText({.snapshot = snapshot,
                               .registry = registry_,
                               .limits = limits_,
                               .leases = lease_collector_.get(),
                               .memory = memory_,
                               .pages = {&health_->pages(), &admin_->pages()},
                               .certificates = certificates_.pictures()})};
}

void Hub::Run() {
  agents_->Start();
  if (grpc_ != nullptr) grpc_->Start();
  if (http_connect_ != nullptr) http_connect_->Start();
  PublishLease();
  WatchFiles();
  loop_.Run();
  Shutdown();
}

void Hub::Stop() {
  loop_.Post([this] {
    if (draining_) {
      Finish();
    } else {
      Drain();
    }
  });
}

void Hub::Reload() {
  loop_.Post([this] { RefreshFiles(); });
}

void Hub::PublishLease() {
  if (!options_.leases) return;
  const auto& [name, ns, labels] = *options_.leases;
  lease_ = std::make_unique<ServerLease>(
      *lease_client_,
      ServerLease::Options{.name = {ns, name}, .labels = labels, .holder = options_.server.id});
  const std::string selector = absl::StrJoin(labels, ",", absl::PairFormatter("="));
  lease_collector_ = std::make_unique<LeaseCollector>(
      *lease_client_, LeaseCollector::Options{.leases = {.ns = ns, .label_selector = selector}});
}

void Hub::WatchFiles() {
  watch_.Set(kWatchInterval, [this] {
    RefreshFiles();
    heap_.Observe(HeldMemory());
    WatchFiles();
  });
}

uint64_t Hub::HeldMemory() const {
  uint64_t connections = 0;
  for (const Port port : {Port::kAgents, Port::kGrpc, Port::kHttpConnect})
    connections += limits_.count(port);
  return memory_.total()->used() + connections * kConnectionMemory;
}

void Hub::RefreshFiles() {
  certificates_.Refresh();
  if (token_file_ != nullptr)
    if (const absl::Status status = token_file_->Refresh(); !status.ok())
      LOG(ERROR) << "agents' tokens not reloaded: " << std::string(status.message());
  if (const absl::Status status = RefreshConfig(); !status.ok())
    LOG(ERROR) << "configuration not reloaded: " << std::string(status.message());
}

absl::Status Hub::RefreshConfig() {
  HAWSER_ASSIGN_OR_RETURN(auto config, config_.Refresh());
  if (!config) return absl::OkStatus();
  HAWSER_ASSIGN_OR_RETURN(const Limits limits, ReadLimits(config->limits));
  agents_->SetGrants(std::move(config->grants));
  limits_.Set(ConnectionOptions(limits));
  registry_.SetLimits(SessionLimits(limits));
  memory_.Set(MemoryLimits(limits));
  LOG(INFO) << "grants and limits of " << options_.config_file << " reloaded";
  if (const auto names = ChangedAtNextStart(options_.limits, limits); !names.empty())
    LOG(WARNING) << "limits of " << options_.config_file
                 << " that take effect at the next start: " << absl::StrJoin(names, ", ");
  return absl::OkStatus();
}

void Hub::HandleSignals() { signals_.Handle(); }

void Hub::Drain() {
  draining_ = true;
  LOG(INFO) << "stopping: " << limits_.count(Port::kGrpc) + limits_.count(Port::kHttpConnect)
            << " client connections may end by themselves";
  registry_.Close();
  if (lease_ != nullptr) lease_->Withdraw();
  // They need time to go elsewhere: before anything else.
  agents_->Stop();
  agents_->Drain();
  if (grpc_ != nullptr) {
    grpc_->Stop();
    grpc_->GoAway();
  }
  if (http_connect_ != nullptr) http_connect_->Stop();
  drain_deadline_.Set(options_.graceful_shutdown_timeout, [this] { Finish(); });
  limits_.OnFrontEndsIdle([this] { loop_.Post([this] { Finish(); }); });
}

void Hub::Finish() {
  LOG(INFO) << "stopped with " << limits_.count(Port::kGrpc) + limits_.count(Port::kHttpConnect)
            << " client connections open";
  loop_.Stop();
}

// Everything goes while the shards still run, and before what it uses.
void Hub::Shutdown() {
  if (lease_ != nullptr) lease_->Withdraw();
  control_.reset();
  control_lists_.Stop();
  const auto close = [](auto& port) {
    if (port == nullptr) return;
    port->Stop();
    port->Close();
  };
  close(agents_);
  close(grpc_);
  close(http_connect_);
  for (const auto& shard : shards_) shard->Stop();
  health_thread_.Stop();
  lease_collector_.reset();
  lease_.reset();
}

}  // namespace hawser::hub
