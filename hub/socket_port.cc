#include "hub/socket_port.h"

#include <glog/logging.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status.h"
#include "lib/net/socket_address.h"

namespace hawser::hub {
namespace {

// What a client's TLS connection takes of the hub before anything is queued for it, bytes. An idle
// one has 22 KiB, 24 more with HTTP/2, as measured; a record or a header block that never ends
// makes it 53 and 112, of which more than a half is charged.
uint64_t CostOf(Port port, const net::PeerInfo& peer) {
  constexpr uint64_t kConnect = 32 * 1024, kHttp2 = 64 * 1024, kCertificate = 6 * 1024;
  // A server's chain has not the peer's own.
  const int more = peer.chain == nullptr ? 0 : std::max(sk_X509_num(peer.chain.get()), 0);
  return (port == Port::kGrpc ? kHttp2 : kConnect) + static_cast<uint64_t>(more) * kCertificate;
}

// How many at a time are told why they are not let in.
constexpr long kMostFarewells = 64;

std::string HostOf(const std::string& address) { return address.substr(0, address.rfind(':')); }

// The shard with the least load, `here` when none has less.
Shard& LeastLoaded(const Shards& shards, Shard& here) {
  const auto least = std::min_element(
      shards.begin(), shards.end(), [](const auto& a, const auto& b) { return a->load < b->load; });
  return (*least)->load < here.load ? **least : here;
}

// Lets others in, as far as told.
absl::Status Open(const std::string& path, const UnixAccess& access) {
  if (access.group && chown(path.c_str(), -1, *access.group) != 0)
    return base::ErrnoStatus(errno, absl::StrCat("give unix:", path, " to group ", *access.group));
  if (chmod(path.c_str(), access.mode) != 0)
    return base::ErrnoStatus(errno, "change permissions of unix:" + path);
  return absl::OkStatus();
}

}  // namespace

SocketPort::SocketPort(Options options, const Shards& shards, ConnectionLimits& limits,
                       Credentials& credentials, Identify identify, Handler handler)
    : options_(std::move(options)),
      shards_(shards),
      limits_(limits),
      credentials_(credentials),
      identify_(std::move(identify)),
      handler_(std::move(handler)) {}

SocketPort::~SocketPort() = default;

absl::Status SocketPort::Listen() {
  const absl::Status status = [this] {
    if (options_.tcp) HAWSER_RETURN_IF_ERROR(ListenTcp());
    return options_.unix_path.empty() ? absl::OkStatus() : ListenUnix();
  }();
  return base::Annotate(status, std::string("serve ") + PortName(options_.port));
}

absl::Status SocketPort::ListenTcp() {
  HAWSER_ASSIGN_OR_RETURN(const auto endpoint,
                          net::BindEndpoint(options_.tcp->host, options_.tcp->port));
  const HandshakeThreads& threads = *options_.handshake_threads;
  std::vector<net::EventLoop*> loops;
  for (const auto& thread : threads) loops.push_back(&thread->loop());
  HAWSER_ASSIGN_OR_RETURN(auto listeners, net::Listener::TcpOnEach(loops, endpoint));
  addresses_.push_back(listeners.front()->address());
  TlsAcceptor::Options options{
      .port = options_.port, .tls = options_.tls, .timeout = options_.handshake_timeout};
  options.places.places = std::max<size_t>(options_.handshake_places / threads.size(), 1);
  const TlsAcceptor::Callbacks callbacks{
      .connected =
          [this](auto socket, auto permit) {
            OnConnected(NextShard(), std::move(socket), std::move(permit));
          },
      .failed = [this](base::Time now, const std::string& address,
                       const absl::Status& why) { LogFailure(now, address, why); },
      .refused = [this](
                     base::Time now, const std::string& address,
                     const absl::Status& why) { LogRefusal(now, HostOf(address), address, why); }};
  for (size_t i = 0; i < listeners.size(); ++i)
    acceptors_.push_back({threads[i].get(),
                          std::make_unique<TlsAcceptor>(*loops[i], std::move(listeners[i]), options,
                                                        limits_, handshakes_, callbacks)});
  return absl::OkStatus();
}

absl::Status SocketPort::ListenUnix() {
  // The process's own, until group and mode are right.
  HAWSER_ASSIGN_OR_RETURN(unix_, net::Listener::Unix(shards_.front()->loop(), options_.unix_path,
                                                     0600, options_.replace_stale_socket));
  HAWSER_RETURN_IF_ERROR(Open(options_.unix_path, options_.unix_access));
  addresses_.push_back(unix_->address());
  return absl::OkStatus();
}

void SocketPort::Start() {
  for (Acceptor& acceptor : acceptors_)
    acceptor.thread->loop().Post([tls = acceptor.tls.get()] { tls->Start(); });
  if (unix_ == nullptr) return;
  shards_.front()->loop().Post([this] { unix_->Start([this](int fd) { OnAcceptUnix(fd); }); });
}

void SocketPort::Stop() {
  for (Acceptor& acceptor : acceptors_)
    acceptor.thread->RunAndWait([&acceptor] { acceptor.tls.reset(); });
  acceptors_.clear();
  if (unix_ != nullptr) shards_.front()->RunAndWait([this] { unix_.reset(); });
}

void SocketPort::OnAcceptUnix(int fd) {
  Shard& shard = *shards_.front();
  auto permit = limits_.Admit(options_.port, "");
  if (!permit.ok()) {
    ::close(fd);
    LogRefusal(shard.loop().Now(), "unix", "unix", permit.status());
    return;
  }
  OnConnected(shard, net::MakePlainSocket(shard.loop(), fd), *std::move(permit));
}

void SocketPort::OnConnected(Shard& here, std::unique_ptr<net::Socket> socket,
                             ConnectionPermit permit) {
  Admission admission{.permit = std::move(permit), .host = HostOf(socket->peer().address)};
  if (const absl::Status status = IdentifyPeer(socket->peer(), admission); !status.ok()) {
    LogRefusal(socket->loop().Now(),
               admission.identity.empty() ? admission.host : admission.identity,
               socket->peer().address, status);
    if (!absl::IsPermissionDenied(status) || farewells_.use_count() > kMostFarewells) return;
    admission.refused = status;
    admission.farewell = farewells_;
  }
  Shard& shard = options_.spread_by_load ? LeastLoaded(shards_, here) : here;
  if (options_.spread_by_load) admission.load.emplace(&shard);
  if (&socket->loop() == &shard.loop()) {
    handler_(shard, std::move(socket), std::move(admission));
    return;
  }
  net::Socket::MoveTo(
      std::move(socket), shard.loop(),
      [this, &shard, admission = std::move(admission)](std::unique_ptr<net::Socket> moved) mutable {
        handler_(shard, std::move(moved), std::move(admission));
      });
}

absl::Status SocketPort::IdentifyPeer(const net::PeerInfo& peer, Admission& admission) {
  HAWSER_ASSIGN_OR_RETURN(const PeerIdentity identity, identify_(peer));
  admission.identity = identity.name;
  admission.memory = options_.memory->Of(
      identity.name, peer.uid ? MemoryShares::Whose::kLocal : MemoryShares::Whose::kRemote);
  HAWSER_ASSIGN_OR_RETURN(admission.credential,
                          credentials_.Admit(options_.port, admission.identity, peer));
  HAWSER_RETURN_IF_ERROR(limits_.Identify(admission.permit, identity));
  return ChargeFor(peer, admission);
}

// Nothing may keep agents from coming back, and who may write a Unix socket is the machine's own.
absl::Status SocketPort::ChargeFor(const net::PeerInfo& peer, Admission& admission) {
  if (options_.connection_memory == nullptr || peer.uid) return absl::OkStatus();
  admission.connection_memory = options_.connection_memory->Of(admission.identity);
  // A while before, dials are refused with a reason.
  if (admission.connection_memory->pressure() == tunnel::MemoryBudget::Pressure::kFull) {
    if (const auto scope = admission.connection_memory->RefusesDial())
      return absl::ResourceExhaustedError(
          *scope == tunnel::MemoryBudget::Scope::kShare
              ? "connections of " + admission.identity +
                    " hold too much memory (--max-connection-bytes-per-identity)"
              : "clients' connections hold too much memory (--max-buffered-bytes)");
  }
  admission.cost = std::make_unique<tunnel::MemoryCharge>(admission.connection_memory);
  admission.cost->Set(CostOf(options_.port, peer));
  return absl::OkStatus();
}

void SocketPort::LogFailure(base::Time now, const std::string& address, const absl::Status& why) {
  if (const auto line = failed_handshakes_.Admit(now, HostOf(address)))
    LOG(WARNING) << PortName(options_.port) << ": " << std::string(why.message()) << *line;
}

void SocketPort::LogRefusal(base::Time now, const std::string& who, const std::string& address,
                            const absl::Status& why) {
  if (const auto line = refusals_.Admit(now, who))
    LOG(WARNING) << PortName(options_.port) << ": connection from " << address
                 << " refused: " << std::string(why.message()) << *line;
}

}  // namespace hawser::hub
