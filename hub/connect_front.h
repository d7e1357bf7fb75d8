// The HTTP-CONNECT front end: one request per connection, which then is the tunnel.
//
// A connection's head is read on the loop that accepted it; then the socket goes to the loop of
// the session that serves it, with everything read ahead.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "hub/http_reply.h"
#include "hub/session_registry.h"
#include "hub/socket_port.h"
#include "lib/base/host_port.h"
#include "lib/net/http1_head.h"

namespace hawser::hub {

// What is left of a client's connection when its head was read.
struct ConnectRequest {
  std::unique_ptr<net::Socket> socket;
  std::shared_ptr<Admission> admission;  // until the connection is over
  base::HostPort target;
  std::string read_ahead;  // what followed the head
};

class ConnectFront {
 public:
  struct Options {
    SocketPort::Options socket;
    std::string trust_domain;  // of clients' names; empty: any
    base::Duration head_timeout;
    base::Duration dial_timeout;
  };

  ConnectFront(Options options, const Shards& shards, ConnectionLimits& limits,
               Credentials& credentials, SessionRegistry& registry);
  ConnectFront(const ConnectFront&) = delete;
  ConnectFront& operator=(const ConnectFront&) = delete;
  ~ConnectFront();

  // As in SocketPort.
  absl::Status Listen() { return port_.Listen(); }
  void Start() { port_.Start(); }
  void Stop() { port_.Stop(); }
  const std::vector<std::string>& addresses() const { return port_.addresses(); }
  const HandshakeCounts& handshakes() const { return port_.handshakes(); }
  // Drops clients that have no tunnel yet, or no longer; while the shards run.
  void Close();

  // Sends the last answer to a client, on its socket's shard.
  void Refuse(Shard& shard, std::unique_ptr<net::Socket> socket,
              std::shared_ptr<Admission> admission, std::string reply);

 private:
  class HeadReader;
  struct Refused {
    std::shared_ptr<Admission> admission;
    std::unique_ptr<LastWords> last_words;
  };
  // On one shard's thread.
  struct Local {
    std::unordered_map<uint64_t, std::unique_ptr<HeadReader>> reading;
    std::unordered_map<uint64_t, Refused> refused;
    uint64_t last_id = 0;
  };

  void OnConnection(Shard& shard, std::unique_ptr<net::Socket> socket, Admission admission);
  void Dial(Shard& shard, ConnectRequest request);

  const Options options_;
  const Shards& shards_;
  SessionRegistry& registry_;
  std::unordered_map<Shard*, Local> local_;  // all shards are keys from the start
  SocketPort port_;
};

}  // namespace hawser::hub
