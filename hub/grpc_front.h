// The gRPC front end: Konnectivity's ProxyService for clients, one tunnelled connection per stream,
// and the lists of the control API.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "hub/control_lists.h"
#include "hub/routed_dial.h"
#include "hub/session_registry.h"
#include "hub/socket_port.h"
#include "hub/transport_server.h"
#include "lib/base/keyed_log_limit.h"
#include "lib/base/scheduler.h"
#include "lib/tunnel/dialed_session.h"

namespace hawser::hub {

// One stream of a client. Threads: its shard's. Owned by its transport.
class FrontSession final : public tunnel::DialedSession {
 public:
  // Who opened it.
  struct Client {
    std::string identity;
    std::shared_ptr<tunnel::MemoryBudget> memory;  // for its streams; may be null
    bool surplus = false;  // this is one stream too many for its connection, and dials nothing
  };

  struct Timeouts {
    base::Duration first_dial;  // until the stream has dialled: before that it is of no use
    base::Duration dial;
  };

  FrontSession(const tunnel::SessionOptions& options, Client client, const Timeouts& timeouts,
               SessionRegistry& registry, Shard& shard, base::KeyedLogLimit& failures);

  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override;
  void OnClosed(const absl::Status& status) override;

 protected:
  void OnDial(Request request) override;
  void OnDialCancelled(int64_t dial_id) override;
  void OnConnectionEnded(tunnel::Connection& connection) override;

 private:
  friend class StreamDialler;
  // Ends a stream that carries nothing, also when its peer has no window for the end.
  void EndUnused(const absl::Status& status);
  void Reject(int64_t dial_id, const tunnel::Failure& failure);

  const Client client_;
  const Timeouts timeouts_;
  SessionRegistry& registry_;
  Shard& shard_;
  base::KeyedLogLimit& failures_;
  tunnel::MemoryCharge cost_;         // the stream's own
  bool ended_ = false;                // without having carried anything
  base::Timer unused_;                // until it dials; after its end, until it is gone
  std::shared_ptr<RoutedDial> dial_;  // while it is pending
  // Null once the session is gone; what comes from other loops holds it.
  std::shared_ptr<FrontSession*> self_;
};

class GrpcFront {
 public:
  struct Options {
    SocketPort::Options socket;
    std::string trust_domain;  // of clients' names; empty: any
    h2::Options transport;
    // That dial. Clients may open twice as many: what the transport refuses has no reason, and
    // clients wait for streams that are not announced.
    size_t streams_per_connection;
    tunnel::SessionOptions session;
    FrontSession::Timeouts timeouts;
  };

  GrpcFront(Options options, const Shards& shards, ConnectionLimits& limits,
            Credentials& credentials, SessionRegistry& registry, ControlLists& lists);

  // As in SocketPort.
  absl::Status Listen() { return port_.Listen(); }
  void Start() { port_.Start(); }
  void Stop() { port_.Stop(); }
  const std::vector<std::string>& addresses() const { return port_.addresses(); }
  const HandshakeCounts& handshakes() const { return port_.handshakes(); }
  // As in TransportServer.
  void GoAway() { server_.GoAway(); }
  void Close() { server_.Close(); }

 private:
  const Options options_;
  base::KeyedLogLimit failures_;
  TransportServer server_;
  SocketPort port_;
};

}  // namespace hawser::hub
