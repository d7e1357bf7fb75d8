// The HTTP/2 connections of one port: a transport each, on the shard where it was accepted.
//
// Threads: Serve() on the shard's; the rest on the main thread while the shards run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "hub/socket_port.h"
#include "lib/base/keyed_log_limit.h"
#include "lib/base/scheduler.h"
#include "lib/h2/transport.h"

namespace hawser::hub {

class TransportServer {
 public:
  // What a call may know of the connection that it arrived on.
  struct Caller {
    Shard& shard;
    h2::Transport& transport;
    const std::string& identity;
    const std::shared_ptr<tunnel::MemoryBudget>& memory;  // as in Admission
    const std::shared_ptr<tunnel::MemoryBudget>& connection_memory;
  };
  // The handler of a call; null for a path that is not served.
  using Accept = std::function<std::unique_ptr<net::StreamHandler>(
      const Caller&, const std::string& path, const net::Metadata& headers)>;

  struct Options {
    Port port;  // the name that the log knows the connections by
    h2::Options transport;
    // How long a connection may last without a call that is served; zero: for ever.
    base::Duration first_call_timeout{};
    // Asks the peer to go elsewhere, as its certificate is about to expire; null: GoAway().
    std::function<void(Shard&, h2::Transport&)> give_notice;
  };
  TransportServer(Options options, const Shards& shards, Accept accept);
  TransportServer(const TransportServer&) = delete;
  TransportServer& operator=(const TransportServer&) = delete;

  // Takes a connection over; a SocketPort::Handler.
  void Serve(Shard& shard, std::unique_ptr<net::Socket> socket, Admission admission);
  // Lets every connection end after its last stream.
  void GoAway();
  // Ends all of them now.
  void Close();

 private:
  struct Connection {
    Admission admission;
    std::unique_ptr<h2::Transport> transport;
    bool called = false;  // from then on an agent's session tells what happens to it
    std::unique_ptr<base::Timer> first_call;
  };
  using Connections = std::unordered_map<uint64_t, Connection>;

  void End(Shard& shard, uint64_t id, Credentials::Ending how, const absl::Status& why);
  void OnClosed(Shard& shard, const Connection& connection, const absl::Status& status);

  const Options options_;
  const Shards& shards_;
  const Accept accept_;
  base::KeyedLogLimit failures_;
  std::atomic<uint64_t> last_id_{0};
  // By shard, whose thread it belongs to. All shards are keys from the start.
  std::unordered_map<Shard*, Connections> connections_;
};

}  // namespace hawser::hub
