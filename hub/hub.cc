#include "hub/hub.h"

#include <glog/logging.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "absl/strings/str_join.h"
#include "hub/metrics.h"
#include "hub/pages.h"
#include "hub/snapshot.h"
#include "hub/token_review.h"
#include "lib/base/descriptor_limit.h"
#include "lib/base/status.h"
#include "lib/kube/config.h"

namespace hawser::hub {
namespace {

// How many connections clients may have, so that agents find descriptors too, and the other way
// round.
size_t ConnectionsBeside(size_t reserve) {
  const uint64_t descriptors = base::DescriptorLimit();
  return descriptors > 2 * reserve ? descriptors - reserve : reserve;
}

// How many handshakes of strangers a port may have: not so many that all ports together leave few
// descriptors to others.
size_t HandshakePlacesOf(const Limits& limits) {
  return std::min<size_t>(limits.unfinished_handshakes, base::DescriptorLimit() / 8);
}

ConnectionLimits::Options ConnectionOptions(const Limits& limits) {
  return {.per_address = limits.connections_per_address,
          .per_identity = limits.connections_per_identity,
          .per_cluster = limits.sessions_per_cluster,
          .front_ends = ConnectionsBeside(limits.descriptor_reserve),
          .agents = ConnectionsBeside(limits.descriptor_reserve)};
}

SessionRegistry::Limits SessionLimits(const Limits& limits) {
  return {.pending_dials = limits.pending_dials,
          .sessions_per_cluster = limits.sessions_per_cluster};
}

MemoryShares::Limits MemoryLimits(const Limits& limits) {
  return {.total = limits.buffered_bytes, .per_identity = limits.buffered_bytes_per_identity};
}

MemoryShares::Limits ConnectionMemoryLimits(const Limits& limits) {
  return {.total = limits.buffered_bytes, .per_identity = limits.connection_bytes_per_identity};
}

// What an agent's connection holds beside queued bytes: its socket, TLS and HTTP/2 states.
constexpr uint64_t kAgentMemory = 40 * 1024;
// What an unfinished handshake may hold, with a long first message and some certificates.
constexpr uint64_t kHandshakeMemory = 64 * 1024;
// What an agent without windows of its own may have on its way at first, bytes, and so what waits
// here for clients that read slowly; the others get more once they have told what they know.
constexpr uint32_t kPlainAgentWindow = 1024 * 1024;

// What a hub opens before it serves anybody: files, pages, libgrpc++'s, loops that serve no
// clients.
constexpr size_t kDescriptors = 64;
// The same for each event loop, its listeners included.
constexpr size_t kDescriptorsPerThread = 12;

// Of the handshake threads: open connections go before new ones.
constexpr int kNiceness = 5;

// How often files are looked at: what is denied counts within seconds; and whether memory can be
// given back.
constexpr base::Duration kWatchInterval = std::chrono::seconds(2);
// How often it is looked whether certificates have expired.
constexpr base::Duration kSweepInterval = std::chrono::seconds(1);
// Of a stop, when no client is left: whether every agent has been told so.
constexpr base::Duration kLookForCloses = std::chrono::milliseconds(100);

}  // namespace

Hub::Hub(const Options& options)
    : options_(options),
      memory_(MemoryLimits(options.limits)),
      connection_memory_(ConnectionMemoryLimits(options.limits)),
      registry_(options.strategies, options.grants.names, SessionLimits(options.limits)),
      limits_(ConnectionOptions(options.limits)),
      credentials_(options.denied),
      control_state_(shards_, registry_),
      control_lists_(control_state_),
      signals_(
          loop_, [this] { Stop(); }, [this] { Reload(); }),
      config_(options.config_file),
      watch_(loop_),
      sweep_(loop_),
      drain_deadline_(loop_),
      look_for_closes_(loop_) {
  for (size_t i = 0; i < options_.threads; ++i) shards_.push_back(std::make_unique<Shard>());
  for (size_t i = 0; i < (options_.threads < 4 ? 1 : 2); ++i)
    handshake_threads_.push_back(std::make_unique<net::LoopThread>());
}

absl::StatusOr<std::unique_ptr<Hub>> Hub::Create(const Options& options) {
  // Without these, libraries throw or abort.
  HAWSER_RETURN_IF_ERROR(
      base::NeedDescriptors(kDescriptors + options.threads * kDescriptorsPerThread));
  std::unique_ptr<Hub> hub(new Hub(options));
  // What is wrong with the files is said before any port is touched.
  HAWSER_RETURN_IF_ERROR(hub->CreateTokens());
  HAWSER_RETURN_IF_ERROR(hub->CreateLeaseClient());
  HAWSER_RETURN_IF_ERROR(hub->CreateAgentPort());
  HAWSER_RETURN_IF_ERROR(hub->CreateFrontEnds());
  HAWSER_RETURN_IF_ERROR(hub->Listen());
  HAWSER_RETURN_IF_ERROR(hub->CreatePages());
  for (const auto& shard : hub->shards_) shard->Start();
  hub->pages_thread_.Start();
  for (const auto& thread : hub->handshake_threads_) thread->Start(kNiceness);
  HAWSER_RETURN_IF_ERROR(hub->CreateControl());
  return hub;
}

Hub::~Hub() { Shutdown(); }

tunnel::SessionOptions Hub::SessionOptions() {
  return {.first_window = options_.limits.first_window,
          .max_window = options_.limits.max_window,
          .idle_timeout = options_.limits.idle_timeout,
          // The registry counts them, by a limit that may change.
          .max_pending_dials = SIZE_MAX};
}

absl::StatusOr<std::shared_ptr<const TlsSlot>> Hub::LoadTls(Port port, const net::TlsFiles& files) {
  net::TlsOptions tls{.files = files,
                      .min_version = options_.tls_min_version,
                      .cipher_suites = options_.cipher_suites,
                      .session_context = PortName(port),
                      .ticket_keys = options_.ticket_keys};
  // Who agents are is then in their tokens alone.
  if (port == Port::kAgents && tokens_ != nullptr) tls.client_certificates = !files.ca.empty();
  if (port == Port::kHttpConnect) {
    tls.alpn = {"http/1.1"};
    tls.require_alpn = false;
  }
  return certificates_.Add(
      port == Port::kAgents ? "agents" : "front_end", tls,
      [this, port](const auto& context) { credentials_.Verify(port, context); });
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
  tunnel::SessionOptions session = SessionOptions();
  session.plain_window = kPlainAgentWindow;
  agents_ = std::make_unique<AgentPort>(
      AgentPort::Options{.socket = {.port = Port::kAgents,
                                    .tcp = options_.agents,
                                    .tls = std::move(tls),
                                    .handshake_threads = &handshake_threads_,
                                    .handshake_places = HandshakePlacesOf(options_.limits),
                                    .handshake_timeout = options_.limits.handshake_timeout,
                                    .spread_by_load = true,
                                    .memory = &memory_},
                         .transport = {.keepalive = options_.keepalive,
                                       .stream_window = kPlainAgentWindow,
                                       .max_streams = kSessionsPerConnection},
                         .first_call_timeout = options_.limits.request_head_timeout,
                         .session = session,
                         .identity_mode = options_.agent_identity,
                         .server = options_.server,
                         .tokens = tokens_.get()},
      options_.grants, shards_, limits_, credentials_, registry_);
  return absl::OkStatus();
}

absl::Status Hub::CreateFrontEnds() {
  const auto socket = [this](Port port,
                             const FrontEndOptions& front) -> absl::StatusOr<SocketPort::Options> {
    SocketPort::Options socket{.port = port,
                               .tcp = front.tcp,
                               .unix_path = front.unix_path,
                               .unix_access = options_.uds_access,
                               .replace_stale_socket = options_.delete_existing_uds,
                               .handshake_threads = &handshake_threads_,
                               .handshake_places = HandshakePlacesOf(options_.limits),
                               .handshake_timeout = options_.limits.handshake_timeout,
                               .memory = &memory_,
                               .connection_memory = &connection_memory_};
    if (!front.tcp) return socket;
    HAWSER_ASSIGN_OR_RETURN(socket.tls, LoadTls(port, options_.server_tls));
    return socket;
  };
  if (options_.grpc.enabled()) {
    GrpcFront::Options grpc;
    HAWSER_ASSIGN_OR_RETURN(grpc.socket, socket(Port::kGrpc, options_.grpc));
    grpc.socket.spread_by_load = true;
    grpc.trust_domain = options_.trust_domain;
    grpc.transport.keepalive = options_.frontend_keepalive;
    // A client that waits for a stream does not know what for: it gets more, and is told.
    grpc.streams_per_connection = options_.limits.streams_per_connection;
    grpc.transport.max_streams = static_cast<uint32_t>(2 * grpc.streams_per_connection);
    grpc.transport.spare_other_streams = true;  // each is a tunnel of its own
    // Grows with the connection that the stream carries.
    grpc.transport.stream_window = static_cast<uint32_t>(options_.limits.first_window);
    grpc.session = SessionOptions();
    grpc.session.one_connection = true;
    grpc.session.idle_timeout = {};  // the agent's side of the connection keeps it
    grpc.timeouts = {.first_dial = options_.limits.request_head_timeout,
                     .dial = options_.backend_dial_timeout};
    grpc_ = std::make_unique<GrpcFront>(std::move(grpc), shards_, limits_, credentials_, registry_,
                                        control_lists_);
  }
  if (options_.http_connect.enabled()) {
    ConnectFront::Options connect;
    HAWSER_ASSIGN_OR_RETURN(connect.socket, socket(Port::kHttpConnect, options_.http_connect));
    connect.trust_domain = options_.trust_domain;
    connect.head_timeout = options_.limits.request_head_timeout;
    connect.dial_timeout = options_.backend_dial_timeout;
    http_connect_ = std::make_unique<ConnectFront>(std::move(connect), shards_, limits_,
                                                   credentials_, registry_);
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
  using Port = absl::StatusOr<std::unique_ptr<net::PagePort>>;
  const auto serve = [this](const char* what, Port port) -> Port {
    if (!port.ok()) return base::Annotate(port.status(), std::string("serve ") + what);
    served_.push_back({what, (*port)->address()});
    return port;
  };
  net::EventLoop& pages = pages_thread_.loop();
  HAWSER_ASSIGN_OR_RETURN(health_, serve("health", net::PagePort::Listen(pages, options_.health)));
  HAWSER_ASSIGN_OR_RETURN(admin_, serve("admin", net::PagePort::Listen(pages, options_.admin)));
  // Who dials what is nobody's business who merely reaches a port.
  if (!options_.admin_path.empty()) {
    HAWSER_ASSIGN_OR_RETURN(debug_,
                            serve("debug", net::PagePort::ListenUnix(pages, options_.admin_path)));
  }
  using Response = net::Http1Server::Response;
  net::Http1Server& health = health_->pages();
  health.Handle("/healthz", [](const std::string&) { return Response{.body = "ok"}; });
  // The second name is the reference's old one. Its metrics are on both ports, too.
  for (const char* path : {"/readyz", "/ready"})
    health.Handle(path, [this](const std::string& query) { return Ready(query); });
  for (net::PagePort* port : {health_.get(), admin_.get(), debug_.get()})
    if (port != nullptr) HandleOnMainLoop(*port, "/metrics", [this] { return Metrics(); });
  if (debug_ == nullptr) return absl::OkStatus();
  HandleOnMainLoop(*debug_, "/debug/sessions", [this] {
    return Response{.content_type = "application/json",
                    .body = SessionsJson(TakeSnapshot(shards_).agents)};
  });
  HandleOnMainLoop(*debug_, "/debug/connections", [this] {
    return Response{.content_type = "application/json",
                    .body = ConnectionsJson(ListConnections(shards_))};
  });
  return absl::OkStatus();
}

// Pages that wait for the shards.
void Hub::HandleOnMainLoop(net::PagePort& port, const char* path,
                           std::function<net::Http1Server::Response()> page) {
  port.pages().HandleOn(loop_, path, [page = std::move(page)](const std::string&) {
    return [response = page()] { return response; };
  });
}

net::Http1Server::Response Hub::Ready(const std::string& query) const {
  const Readiness readiness = CheckReadiness(registry_, draining_);
  const bool verbose = query == "verbose" || query.starts_with("verbose=");
  return {.status = readiness.ready ? 200 : 503,
          .body = readiness.ready && !verbose ? "ok" : readiness.text};
}

net::Http1Server::Response Hub::Metrics() const {
  const Snapshot snapshot = TakeSnapshot(shards_);
  std::map<Port, const HandshakeCounts*> handshakes{{Port::kAgents, &agents_->handshakes()}};
  if (grpc_ != nullptr) handshakes[Port::kGrpc] = &grpc_->handshakes();
  if (http_connect_ != nullptr) handshakes[Port::kHttpConnect] = &http_connect_->handshakes();
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = MetricsText({.snapshot = snapshot,
                               .registry = registry_,
                               .limits = limits_,
                               .credentials = credentials_,
                               .handshakes = handshakes,
                               .leases = lease_collector_.get(),
                               .memory = memory_,
                               .connection_memory = connection_memory_,
                               .pages = {&health_->pages(), &admin_->pages()},
                               .certificates = certificates_.pictures()})};
}

void Hub::Run() {
  agents_->Start();
  if (grpc_ != nullptr) grpc_->Start();
  if (http_connect_ != nullptr) http_connect_->Start();
  PublishLease();
  WatchFiles();
  WatchCredentials();
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
  loop_.Post([this] { RefreshFiles(/*asked=*/true); });
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
    RefreshFiles(/*asked=*/false);
    heap_.Observe(HeldMemory());
    WatchFiles();
  });
}

uint64_t Hub::HeldMemory() const {
  // Of clients' connections only those over Unix sockets are free, and they are few.
  uint64_t handshakes = agents_->handshakes().unfinished();
  if (grpc_ != nullptr) handshakes += grpc_->handshakes().unfinished();
  if (http_connect_ != nullptr) handshakes += http_connect_->handshakes().unfinished();
  return memory_.total()->used() + connection_memory_.total()->used() +
         limits_.count(Port::kAgents) * kAgentMemory + handshakes * kHandshakeMemory;
}

void Hub::WatchCredentials() {
  credentials_.Sweep(std::chrono::system_clock::now());
  sweep_.Set(kSweepInterval, [this] { WatchCredentials(); });
}

void Hub::RefreshFiles(bool asked) {
  certificates_.Refresh(asked);
  certificates_.RotateTicketKeys(loop_.Now());
  if (token_file_ != nullptr)
    if (const absl::Status status = token_file_->Refresh(asked); !status.ok())
      LOG(ERROR) << "agents' tokens not reloaded: " << std::string(status.message());
  if (const absl::Status status = RefreshConfig(asked); !status.ok())
    LOG(ERROR) << "configuration not reloaded: " << std::string(status.message());
}

absl::Status Hub::RefreshConfig(bool asked) {
  HAWSER_ASSIGN_OR_RETURN(auto config, config_.Refresh(asked));
  if (!config) return absl::OkStatus();
  HAWSER_ASSIGN_OR_RETURN(const Limits limits, ReadLimits(config->limits));
  AgentGrants grants = GrantsOf(*config, options_);
  registry_.SetNames(grants.names);
  agents_->SetGrants(std::move(grants));
  credentials_.SetDenied(std::move(config->denied));
  limits_.Set(ConnectionOptions(limits));
  registry_.SetLimits(SessionLimits(limits));
  memory_.Set(MemoryLimits(limits));
  connection_memory_.Set(ConnectionMemoryLimits(limits));
  LOG(INFO) << "grants, limits and denied certificates of " << options_.config_file << " reloaded";
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
  limits_.OnFrontEndsIdle([this] { loop_.Post([this] { FinishInOrder(); }); });
}

void Hub::FinishInOrder() {
  bool closes_due = false;
  for (const auto& shard : shards_)
    shard->RunAndWait([&] {
      for (const auto& [handle, session] : shard->agents) closes_due |= session->closes_due();
    });
  if (!closes_due) return Finish();
  // Agents that lose us drop what they have not written, too.
  look_for_closes_.Set(kLookForCloses, [this] { FinishInOrder(); });
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
  for (const auto& thread : handshake_threads_) thread->Stop();
  for (const auto& shard : shards_) shard->Stop();
  pages_thread_.Stop();
  lease_collector_.reset();
  lease_.reset();
}

}  // namespace hawser::hub
