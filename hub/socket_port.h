// A port of the hub: accepts connections, keeps the limits, and hands out sockets whose peer is
// known.
//
// TCP is accepted on the handshake threads (the kernel spreads connections), and a connection goes
// to its shard once its TLS handshake is done; a Unix socket has one acceptor, on the first shard.
// Connections that last are spread over the shards by load, others in turn.
//
// Threads: made, started and stopped on the main thread; the handler runs on the shards'.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/connection_limits.h"
#include "hub/credentials.h"
#include "hub/handshake_counts.h"
#include "hub/memory_shares.h"
#include "hub/shard.h"
#include "hub/tls_acceptor.h"
#include "hub/tls_slot.h"
#include "lib/base/host_port.h"
#include "lib/base/keyed_log_limit.h"
#include "lib/net/listener.h"
#include "lib/net/loop_thread.h"
#include "lib/net/socket.h"

namespace hawser::hub {

using Shards = std::vector<std::unique_ptr<Shard>>;
// Where TLS handshakes run: threads of their own, which are nobody's data loops.
using HandshakeThreads = std::vector<std::unique_ptr<net::LoopThread>>;

// An accepted connection's share in the load of its shard.
class LoadTicket {
 public:
  explicit LoadTicket(Shard* shard) : shard_(shard) { ++shard_->load; }
  LoadTicket(LoadTicket&& other) noexcept : shard_(std::exchange(other.shard_, nullptr)) {}
  LoadTicket& operator=(LoadTicket&& other) noexcept {
    std::swap(shard_, other.shard_);
    return *this;
  }
  ~LoadTicket() {
    if (shard_ != nullptr) --shard_->load;
  }

 private:
  Shard* shard_;
};

// What comes with an accepted socket and lives as long as its connection.
struct Admission {
  ConnectionPermit permit;
  std::string host;                              // the peer's address without its port
  std::optional<LoadTicket> load;                // only where connections are spread by load
  std::string identity;                          // who the peer proved to be, for logs and listings
  std::shared_ptr<tunnel::MemoryBudget> memory;  // the identity's share, for what is queued
  // The same for its connections and streams; null for agents and on Unix sockets.
  std::shared_ptr<tunnel::MemoryBudget> connection_memory;
  std::unique_ptr<tunnel::MemoryCharge> cost;  // of this connection
  Credentials::Ticket credential;              // whose OnEnd() says how the connection is ended
  // Why the peer is only to be told that it is not let in; mostly OK. Of those there are few at a
  // time.
  absl::Status refused;
  std::shared_ptr<void> farewell;
};

// Who may connect to a Unix socket: those who may write it.
struct UnixAccess {
  mode_t mode = 0600;
  std::optional<gid_t> group;  // none: the process's
};

class SocketPort {
 public:
  struct Options {
    Port port;
    std::optional<base::HostPort> tcp;
    std::string unix_path;  // empty: none
    UnixAccess unix_access;
    bool replace_stale_socket = true;
    // For TCP; a Unix socket is plain.
    std::shared_ptr<const TlsSlot> tls;
    const HandshakeThreads* handshake_threads = nullptr;  // outlive the port
    size_t handshake_places = 256;                        // unfinished ones, on all threads
    base::Duration handshake_timeout{};
    bool spread_by_load = false;
    MemoryShares* memory;  // outlives the port
    // What clients' connections are charged to; null: to nobody. Outlives the port.
    MemoryShares* connection_memory = nullptr;
  };
  // Who a peer is; an error refuses it.
  using Identify = std::function<absl::StatusOr<PeerIdentity>(const net::PeerInfo&)>;
  using Handler = std::function<void(Shard&, std::unique_ptr<net::Socket>, Admission)>;

  // The limits and the credentials outlive it, and all connections.
  SocketPort(Options options, const Shards& shards, ConnectionLimits& limits,
             Credentials& credentials, Identify identify, Handler handler);
  SocketPort(const SocketPort&) = delete;
  SocketPort& operator=(const SocketPort&) = delete;
  ~SocketPort();

  // Binds everything; the shards need not run yet.
  absl::Status Listen();
  // Accepts from now on.
  void Start();
  // Accepts no more, and ends unfinished handshakes; the threads must run. What the handler is to
  // have is on its way to the shards then.
  void Stop();
  const HandshakeCounts& handshakes() const { return handshakes_; }
  // Where it listens, for people: "127.0.0.1:8090", "unix:/run/hub.sock".
  const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  struct Acceptor {
    net::LoopThread* thread;
    std::unique_ptr<TlsAcceptor> tls;
  };

  absl::Status ListenTcp();
  absl::Status ListenUnix();
  void OnAcceptUnix(int fd);
  // On the loop of `socket`, which goes to `shard` unless another has less load.
  void OnConnected(Shard& shard, std::unique_ptr<net::Socket> socket, ConnectionPermit permit);
  absl::Status IdentifyPeer(const net::PeerInfo& peer, Admission& admission);
  absl::Status ChargeFor(const net::PeerInfo& peer, Admission& admission);
  Shard& NextShard() { return *shards_[turn_++ % shards_.size()]; }
  void LogFailure(base::Time now, const std::string& address, const absl::Status& why);
  // `who`: by whom such lines are bounded.
  void LogRefusal(base::Time now, const std::string& who, const std::string& address,
                  const absl::Status& why);

  const Options options_;
  const Shards& shards_;
  ConnectionLimits& limits_;
  Credentials& credentials_;
  const Identify identify_;
  const Handler handler_;
  HandshakeCounts handshakes_;
  std::vector<Acceptor> acceptors_;
  std::unique_ptr<net::Listener> unix_;  // on the first shard
  std::vector<std::string> addresses_;
  std::atomic<size_t> turn_{0};  // of the shards
  // Held by each that is told why it is not let in.
  const std::shared_ptr<void> farewells_ = std::make_shared<char>();
  base::KeyedLogLimit failed_handshakes_;
  base::KeyedLogLimit refusals_;
};

}  // namespace hawser::hub
