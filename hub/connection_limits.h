// How many connections the hub takes: per peer address (of IPv6, per /64), per identity, of all
// agents and of all clients, which leave each other a reserve of descriptors. No client has more
// than half of the front ends' connections, whatever its limit.
//
// Threads: any. Touched once when a connection begins and once when it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/base/seeded_hash.h"

namespace hawser::hub {

// An agent has one stream per connection, and a second one while it replaces that.
inline constexpr uint32_t kSessionsPerConnection = 2;

enum class Port { kAgents, kGrpc, kHttpConnect };
inline constexpr size_t kPorts = 3;
// "agents", "grpc", "http-connect".
const char* PortName(Port port);

// Which limit refused somebody.
enum class LimitKind { kTotal, kIdentity, kAddress };
inline constexpr size_t kLimitKinds = 3;
// "total", "identity", "address".
const char* LimitKindName(LimitKind kind);

// Who a peer proved to be.
struct PeerIdentity {
  enum Kind {
    kClient,
    kCluster,       // an agent whose certificate names its cluster
    kUnnamedAgent,  // an agent without a name: one certificate may be a whole fleet's
  };
  std::string name;  // for logs and listings; unique over all kinds
  Kind kind = kClient;
};

class ConnectionLimits;

// One admitted connection; gives its place back when destroyed.
class ConnectionPermit {
 public:
  ConnectionPermit() = default;
  ConnectionPermit(ConnectionPermit&& other) noexcept { *this = std::move(other); }
  ConnectionPermit& operator=(ConnectionPermit&& other) noexcept;
  ~ConnectionPermit();

 private:
  friend class ConnectionLimits;
  using Counted = std::pair<const std::string, size_t>;

  ConnectionLimits* limits_ = nullptr;
  Port port_ = Port::kAgents;
  Counted* address_ = nullptr;
  Counted* identity_ = nullptr;
};

class ConnectionLimits {
 public:
  struct Options {
    size_t per_address;
    size_t per_identity;  // one client, or agents with one certificate that names no cluster
    size_t per_cluster;
    size_t front_ends;         // connections of all clients
    size_t agents = SIZE_MAX;  // connections of all agents
  };

  explicit ConnectionLimits(const Options& options) : options_(options) {}
  ConnectionLimits(const ConnectionLimits&) = delete;
  ConnectionLimits& operator=(const ConnectionLimits&) = delete;

  // For connections from now on; those there are stay.
  void Set(const Options& options);

  // Admits a connection from `address` ("ip:port"; empty for Unix sockets, which have none).
  // ResourceExhausted, naming the limit, when there are too many.
  absl::StatusOr<ConnectionPermit> Admit(Port port, const std::string& address);
  // Counts an admitted connection for `identity`, which it proved by now.
  absl::Status Identify(ConnectionPermit& permit, const PeerIdentity& identity);

  size_t count(Port port) const;
  uint64_t refused(Port port) const;
  uint64_t refused(Port port, LimitKind kind) const;
  Options options() const;
  // How many connections one client may have.
  size_t client_share() const;

  // Runs `callback` once the front ends have no connection any more: now or when the last permit
  // is given back, on that thread.
  void OnFrontEndsIdle(base::Closure callback);

 private:
  friend class ConnectionPermit;
  using Counts = std::unordered_map<std::string, size_t, base::SeededHash>;

  static void Decrement(Counts& counts, ConnectionPermit::Counted* counted);
  // These need the mutex.
  size_t front_ends() const;
  size_t ClientShare() const;
  size_t LimitOf(PeerIdentity::Kind kind) const;
  void Return(ConnectionPermit& permit);

  mutable std::mutex mutex_;  // guards all below
  Options options_;
  Counts addresses_;
  Counts identities_;
  size_t counts_[kPorts] = {};
  uint64_t refused_[kPorts][kLimitKinds] = {};
  base::Closure idle_;
};

}  // namespace hawser::hub
