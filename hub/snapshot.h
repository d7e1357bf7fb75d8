// A picture of what the hub is doing, collected from the shards one after the other: for metrics,
// listings and the control API.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hub/counters.h"
#include "hub/session_registry.h"
#include "hub/socket_port.h"
#include "lib/tunnel/session.h"

namespace hawser::hub {

using WallTime = std::chrono::system_clock::time_point;

struct AgentPicture {
  SessionRegistry::Handle id;
  std::string cluster;  // certified; empty: asserted
  std::string name;     // AgentIdentity::name()
  std::string label;    // AgentIdentity::label()
  std::string agent_id;
  std::string address;
  tunnel::Features features;
  WallTime connected_at;
  base::Duration round_trip;  // zero: unknown
  size_t connections;
  size_t pending_dials;
  uint64_t queued;  // bytes that wait for local sockets
  size_t full;      // connections that hold their peer back, see Connection::full()
  bool draining;
  std::optional<WallTime> certificate_expiry;
  tunnel::SessionCounters counters;
};

struct ConnectionPicture {
  std::string cluster;  // AgentIdentity::name()
  SessionRegistry::Handle session;
  int64_t id;          // in its session
  std::string target;  // "host:port" as it was dialled
  std::string client;  // who dialled: "client/<name>", "unix:<uid>", "client"
  base::Duration age;
  uint64_t bytes_sent;  // towards the target
  uint64_t bytes_received;
  int64_t send_window;
  uint64_t queued;
};

struct Snapshot {
  std::vector<AgentPicture> agents;
  size_t client_streams = 0;
  size_t full_clients = 0;  // streams that hold their client back
  Counters counters;        // live sessions included

  size_t connections() const;
};

// Asks every shard in turn and waits; not from a shard's thread.
Snapshot TakeSnapshot(const Shards& shards);
std::vector<ConnectionPicture> ListConnections(const Shards& shards);

}  // namespace hawser::hub
