// A port of the hub: accepts connections on every shard, keeps the limits, does the TLS handshake
// and hands out sockets whose peer is known.
//
// TCP has a listener per shard (the kernel spreads connections); a Unix socket has one acceptor.
// Connections that last are spread over the shards by load, by descriptor and before the
// handshake, so that whatever a connection costs is paid where it lives.
//
// Threads: made, started and stopped on the main thread; the handler runs on the shards'.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/connection_limits.h"
#include "hub/memory_shares.h"
#include "hub/shard.h"
#include "hub/tls_slot.h"
#include "lib/base/host_port.h"
#include "lib/base/log_limit.h"
#include "lib/net/listener.h"
#include "lib/net/socket.h"

namespace hawser::hub {

using Shards = std::vector<std::unique_ptr<Shard>>;

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
  std::optional<LoadTicket> load;                // only where connections are spread by load
  std::string identity;                          // who the peer proved to be, for logs and listings
  std::shared_ptr<tunnel::MemoryBudget> memory;  // the identity's share
};

class SocketPort {
 public:
  struct Options {
    Port port;
    std::optional<base::HostPort> tcp;
    std::string unix_path;  // empty: none
    bool replace_stale_socket = true;
    std::shared_ptr<const TlsSlot> tls;  // for TCP; a Unix socket is plain
    base::Duration handshake_timeout;
    bool spread_by_load = false;
    MemoryShares* memory;  // outlives the port
  };
  // Who a peer is; an error refuses it.
  using Identify = std::function<absl::StatusOr<PeerIdentity>(const net::PeerInfo&)>;
  using Handler = std::function<void(Shard&, std::unique_ptr<net::Socket>, Admission)>;

  SocketPort(Options options, const Shards& shards, ConnectionLimits& limits, Identify identify,
             Handler handler);
  SocketPort(const SocketPort&) = delete;
  SocketPort& operator=(const SocketPort&) = delete;
  ~SocketPort();

  // Binds everything; the shards need not run yet.
  absl::Status Listen();
  // Accepts from now on.
  void Start();
  // Accepts no more; the shards must run.
  void Stop();
  // Where it listens, for people: "127.0.0.1:8090", "unix:/run/hub.sock".
  const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  struct Listening {
    Shard* shard;
    std::unique_ptr<net::Listener> listener;
    bool tls;
  };

  absl::Status ListenTcp();
  absl::Status ListenUnix();
  void OnAccept(Shard& shard, bool tls, int fd);
  void Handshake(Shard& shard, bool tls, int fd, Admission admission);
  void OnConnected(Shard& shard, std::unique_ptr<net::Socket> socket, Admission admission);
  void LogRefusal(Shard& shard, const std::string& address, const absl::Status& why);

  const Options options_;
  const Shards& shards_;
  ConnectionLimits& limits_;
  const Identify identify_;
  const Handler handler_;
  std::vector<Listening> listening_;
  std::vector<std::string> addresses_;
  base::LogLimit failed_handshakes_;
  base::LogLimit refusals_;
};

}  // namespace hawser::hub
