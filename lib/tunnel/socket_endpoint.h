// A tunnelled connection whose local side is a socket: the target at an agent, a CONNECT client at
// the hub, a descriptor of the client library.
//
//   auto endpoint = SocketEndpoint::Make(std::move(socket), read_ahead, Hop::kClient);
//   endpoint->SetGreeting("HTTP/1.1 200 Connection Established\r\n\r\n");
//   session.StartDial({...}, endpoint, ...);
//
// Before the connection opens a DialWatch has the socket; then a SocketSource reads from it, and a
// SocketSink writes to it. What the peer sent before an orderly end arrives, or the socket is
// reset.
//
// Threads: the socket's loop, which must be the session's. Keeps itself alive after an orderly end
// until everything delivered before is written.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/base/scheduler.h"
#include "lib/net/socket.h"
#include "lib/tunnel/connection.h"
#include "lib/tunnel/dial_watch.h"
#include "lib/tunnel/endpoint.h"
#include "lib/tunnel/socket_sink.h"
#include "lib/tunnel/socket_source.h"

namespace hawser::tunnel {

class SocketEndpoint final : public Endpoint,
                             public std::enable_shared_from_this<SocketEndpoint>,
                             private SocketSource::Owner,
                             private SocketSink::Owner {
 public:
  // `read_ahead`: bytes that were read from the socket already. `local`: what a failure of the
  // socket is reported as (kClient, kTarget).
  static std::shared_ptr<SocketEndpoint> Make(std::unique_ptr<net::Socket> socket,
                                              std::string read_ahead, Hop local);

  // Until the connection opens:

  // Written to the socket when the connection opens, ahead of everything from the tunnel.
  void SetGreeting(std::string greeting);
  // How long the socket's peer may take nothing of what is left after an orderly end; 90 s by
  // default, less when memory is short.
  void SetPatience(base::Duration patience);
  // The socket is one end of a pair, whose other end somebody in this process has. That may be
  // closed before everything is read: what was written goes on its way, and the connection ends in
  // order (by default it is reset). When the connection is over nothing can be written any more.
  void SetPair() { pair_ = true; }
  // As DialWatch::Start().
  void OnHangUp(DialWatch::End end, base::Closure callback);
  // See DialWatch::ChargeTo(): until the connection's own memory is known.
  void ChargeTo(std::shared_ptr<MemoryBudget> budget) {
    unopened_->watch.ChargeTo(std::move(budget));
  }
  // Reads what the socket has already, without waiting.
  void ReadAhead() { unopened_->watch.ReadAhead(); }
  // The first bytes for the dial to carry, `limit` at most. They are not sent again when the
  // connection opens with the feature `early`, nor lost when it does not open.
  std::string TakeEarly(size_t limit);
  // The dial failed: the socket, with all that was read from it.
  DialWatch::Client TakeBack();

  // Once the connection has opened: ends it, with what is still to be written; the peer is told
  // why.
  void Abort(const Failure& failure);
  // Runs once when the endpoint is done with, before its socket's peer can see that: `failure` as
  // in OnClosed(), or why the last bytes did not arrive.
  void OnDone(absl::AnyInvocable<void(const Failure* failure)> done) { done_ = std::move(done); }

  // Endpoint
  void OnOpen(Connection& connection) override;
  Pulled Pull(std::span<uint8_t> space) override;
  void Deliver(std::span<const uint8_t> bytes) override;
  void DeliverEnd() override;
  void OnClosed(const Failure* failure) override;
  Presence Look() override;

 private:
  struct Unopened {
    explicit Unopened(DialWatch::Client client) : watch(std::move(client)) {}
    DialWatch watch;
    std::string greeting;
    size_t early = 0;  // bytes of what was read ahead that went with the dial
    base::Duration patience = SocketSink::kPatience;
  };

  SocketEndpoint(DialWatch::Client client, Hop local);

  // SocketSource::Owner, SocketSink::Owner
  void OnReadable() override;
  void OnHangUp() override;
  void OnWritten(size_t bytes) override;
  void OnWriteFailed() override;
  void OnFinished(const absl::Status& status) override;

  // The peer of the tunnel is told of ends, and not of half of one.
  bool IsPlain() const;
  void Probe();
  void SocketFailed();
  // The socket takes no more, and what its peer wrote is through.
  void WriteFailed();
  void Done(const Failure* failure);

  const Hop local_;
  Connection* connection_ = nullptr;    // while it is open
  std::unique_ptr<Unopened> unopened_;  // before it is
  std::unique_ptr<net::Socket> socket_;
  std::optional<SocketSource> source_;
  std::optional<SocketSink> sink_;
  bool pair_ = false;
  base::Time probe_at_{};  // of a socket whose peer may have left after its end
  base::Duration probe_pause_ = std::chrono::milliseconds(250);
  absl::AnyInvocable<void(const Failure*)> done_;
};

}  // namespace hawser::tunnel
