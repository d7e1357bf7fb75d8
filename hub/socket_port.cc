#include "hub/socket_port.h"

#include <glog/logging.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/net/socket_address.h"
#include "lib/net/tls_handshake.h"

namespace hawser::hub {
namespace {

// The shard with the least load, `here` when none has less.
Shard& LeastLoaded(const Shards& shards, Shard& here) {
  const auto least = std::min_element(
      shards.begin(), shards.end(), [](const auto& a, const auto& b) { return a->load < b->load; });
  return (*least)->load < here.load ? **least : here;
}

}  // namespace

SocketPort::SocketPort(Options options, const Shards& shards, ConnectionLimits& limits,
                       Identify identify, Handler handler)
    : options_(std::move(options)),
      shards_(shards),
      limits_(limits),
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
  std::vector<net::EventLoop*> loops;
  for (const auto& shard : shards_) loops.push_back(&shard->loop());
  HAWSER_ASSIGN_OR_RETURN(auto listeners, net::Listener::TcpOnEach(loops, endpoint));
  addresses_.push_back(listeners.front()->address());
  for (size_t i = 0; i < listeners.size(); ++i)
    listening_.push_back({shards_[i].get(), std::move(listeners[i]), true});
  return absl::OkStatus();
}

absl::Status SocketPort::ListenUnix() {
  Shard& shard = *shards_.front();
  HAWSER_ASSIGN_OR_RETURN(auto listener, net::Listener::Unix(shard.loop(), options_.unix_path, 0600,
                                                             options_.replace_stale_socket));
  addresses_.push_back(listener->address());
  listening_.push_back({&shard, std::move(listener), false});
  return absl::OkStatus();
}

void SocketPort::Start() {
  for (Listening& listening : listening_) {
    Shard& shard = *listening.shard;
    shard.loop().Post([this, &listening, &shard] {
      listening.listener->Start(
          [this, &shard, tls = listening.tls](int fd) { OnAccept(shard, tls, fd); });
    });
  }
}

void SocketPort::Stop() {
  for (Listening& listening : listening_)
    listening.shard->RunAndWait([&listening] { listening.listener.reset(); });
  listening_.clear();
}

void SocketPort::OnAccept(Shard& shard, bool tls, int fd) {
  const std::string address = net::PeerAddress(fd);
  auto permit = limits_.Admit(options_.port, tls ? address : "");
  if (!permit.ok()) {
    close(fd);
    LogRefusal(shard, address, permit.status());
    return;
  }
  Admission admission{.permit = *std::move(permit)};
  if (!options_.spread_by_load) {
    Handshake(shard, tls, fd, std::move(admission));
    return;
  }
  Shard& target = LeastLoaded(shards_, shard);
  admission.load.emplace(&target);
  if (&target == &shard) {
    Handshake(shard, tls, fd, std::move(admission));
    return;
  }
  target.loop().Post([this, &target, tls, fd, admission = std::move(admission)]() mutable {
    Handshake(target, tls, fd, std::move(admission));
  });
}

void SocketPort::Handshake(Shard& shard, bool tls, int fd, Admission admission) {
  if (!tls) {
    OnConnected(shard, net::MakePlainSocket(shard.loop(), fd), std::move(admission));
    return;
  }
  net::TlsAccept(shard.loop(), fd, options_.tls->Get(), options_.handshake_timeout,
                 [this, &shard, admission = std::move(admission)](
                     absl::StatusOr<std::unique_ptr<net::Socket>> socket) mutable {
                   if (socket.ok()) {
                     OnConnected(shard, *std::move(socket), std::move(admission));
                     return;
                   }
                   ++shard.counters.failed_handshakes;
                   if (const auto line = failed_handshakes_.Admit(shard.loop().Now()))
                     LOG(WARNING) << PortName(options_.port) << ": "
                                  << std::string(socket.status().message()) << *line;
                 });
}

void SocketPort::OnConnected(Shard& shard, std::unique_ptr<net::Socket> socket,
                             Admission admission) {
  auto identity = identify_(socket->peer());
  const absl::Status status =
      identity.ok() ? limits_.Identify(admission.permit, *identity) : identity.status();
  if (!status.ok()) {
    LogRefusal(shard, socket->peer().address, status);
    return;
  }
  admission.memory = options_.memory->Of(identity->name);
  admission.identity = std::move(identity->name);
  handler_(shard, std::move(socket), std::move(admission));
}

void SocketPort::LogRefusal(Shard& shard, const std::string& address, const absl::Status& why) {
  if (const auto line = refusals_.Admit(shard.loop().Now()))
    LOG(WARNING) << PortName(options_.port) << ": connection from " << address
                 << " refused: " << std::string(why.message()) << *line;
}

}  // namespace hawser::hub
