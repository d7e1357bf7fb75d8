// A tunnelled connection whose local side is a socket: the target at an agent, a CONNECT client at
// the hub, a descriptor of the client library.
//
//   auto endpoint = SocketEndpoint::Make(std::move(socket), read_ahead, Hop::kClient);
//   endpoint->SetGreeting("HTTP/1.1 200 Connection Established\r\n\r\n");
//   session.StartDial({...}, endpoint, ...);
//
// Bytes from the tunnel are written at the end of their receive batch with one gathering system
// call, straight from the batch's buffer; only what the kernel refuses is queued, and the window
// bounds that. Bytes for the tunnel are read straight into the message that carries them.
//
// Threads: the socket's loop, which must be the session's. Keeps itself alive until everything
// delivered before an orderly end is written, or nothing was taken for 10 s.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/base/scheduler.h"
#include "lib/net/byte_queue.h"
#include "lib/net/socket.h"
#include "lib/tunnel/connection.h"
#include "lib/tunnel/endpoint.h"
#include "lib/tunnel/memory.h"

namespace hawser::tunnel {

class SocketEndpoint final : public Endpoint, public std::enable_shared_from_this<SocketEndpoint> {
 public:
  // `read_ahead`: bytes that were read from the socket already. `local`: what a failure of the
  // socket is reported as (kClient, kTarget).
  static std::shared_ptr<SocketEndpoint> Make(std::unique_ptr<net::Socket> socket,
                                              std::string read_ahead, Hop local);

  // Written to the socket when the connection opens, ahead of everything from the tunnel.
  void SetGreeting(std::string greeting) { greeting_ = std::move(greeting); }
  // Before the connection opens: runs once when the socket's peer is gone altogether. `silent`: it
  // sent nothing so far; should it end like that, it is taken for gone and not for half-closed.
  void OnHangUp(base::Closure callback, bool silent = false);
  // Before the connection opens (or when the dial failed): takes the socket back.
  std::unique_ptr<net::Socket> TakeSocket();
  // Once the connection has opened: ends it, with what is still to be written; the peer is told
  // why.
  void Abort(const Failure& failure);
  // Runs once when the endpoint is done with: `failure` as in OnClosed().
  void OnDone(absl::AnyInvocable<void(const Failure* failure)> done) { done_ = std::move(done); }

  // Endpoint
  void OnOpen(Connection& connection) override;
  Pulled Pull(std::span<uint8_t> space) override;
  void Deliver(std::span<const uint8_t> bytes) override;
  void DeliverEnd() override;
  void OnClosed(const Failure* failure) override;
  bool Gone() override;

 private:
  SocketEndpoint(std::unique_ptr<net::Socket> socket, std::string read_ahead, Hop local);

  void WaitReadable();
  // The socket became readable before the connection opened.
  void ReadEarly();
  // Writes what was gathered in this batch; queues the rest.
  void WriteGathered();
  // Writes what is queued, as far as the kernel takes it.
  void WriteQueued();
  void WaitWritable();
  // `lost`: bytes that count as delivered although the socket refused them.
  void WriteFailed(size_t lost);
  // `bytes` have gone to the socket.
  void Wrote(size_t bytes);
  void FinishIfWritten();
  void Linger();
  void SocketFailed();
  void CloseSocket(const Failure* failure);

  std::unique_ptr<net::Socket> socket_;
  const Hop local_;
  Connection* connection_ = nullptr;
  std::string read_ahead_;
  std::string greeting_;
  size_t greeting_left_ = 0;  // bytes at the head of the queue that no window counts
  std::vector<iovec> gathered_;
  base::Deferred write_gathered_;
  net::ByteQueue queue_;
  MemoryCharge charge_;
  std::unique_ptr<base::Timer> drain_deadline_;
  std::unique_ptr<base::Timer> linger_;
  base::Closure hang_up_;
  bool silent_ = false;
  absl::AnyInvocable<void(const Failure*)> done_;
  bool reading_ = false;   // a wait for readability is pending
  bool readable_ = false;  // it fired before the connection opened
  bool writing_ = false;   // a wait for writability is pending
  bool write_failed_ = false;
  bool read_ended_ = false;  // the peer finished sending, and the session knows
  bool end_delivered_ = false;
  bool closing_ = false;  // the connection ended in order
};

}  // namespace hawser::tunnel
