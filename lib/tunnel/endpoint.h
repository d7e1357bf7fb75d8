// The local side of a tunnelled connection: a socket (tunnel::SocketEndpoint), or one half of a
// relay between two sessions (hub). A session pulls bytes out of it when its own transport can take
// more, and hands it bytes as they arrive.
//
// Threads: the scheduler of the session that the connection lives on.
#pragma once

#include <cstdint>
#include <span>

#include "lib/tunnel/failure.h"

namespace hawser::tunnel {

class Connection;

struct Pulled {
  enum State {
    kBytes,    // `bytes` > 0 were written into the space; there may be more
    kDrained,  // as kBytes (bytes may be 0), and nothing more now: Connection::Ready() will come
    kEnd,      // the local side finished sending; no bytes, and Pull() is not called again
  } state;
  size_t bytes = 0;
};

// What the local side of a connection is up to.
enum class Presence {
  kHere,  // as far as one can see
  kLeft,  // gone altogether, but something that it sent is still to be pulled
  kGone,  // gone altogether, and all is pulled
};

class Endpoint {
 public:
  virtual ~Endpoint() = default;

  // The connection exists. `connection` is valid until OnClosed(). Call connection.Ready() when
  // there is something to pull.
  virtual void OnOpen(Connection& connection) = 0;
  // Writes up to space.size() bytes for the tunnel into `space`. When the local side has failed
  // (reset): calls connection.Close(failure) and returns kDrained.
  virtual Pulled Pull(std::span<uint8_t> space) = 0;
  // Bytes from the tunnel, valid until the scheduler's sinks() have run. The endpoint calls
  // connection.Delivered(n) as they leave its hands (at once, or later when it had to queue them).
  virtual void Deliver(std::span<const uint8_t> bytes) = 0;
  // The peer finished sending: half-close once everything delivered is out.
  virtual void DeliverEnd() = 0;
  // Last call. failure == nullptr: orderly, everything delivered is still to be written before the
  // local side is closed. Otherwise the local side is aborted and told why, as far as it can be.
  virtual void OnClosed(const Failure* failure) = 0;
  // Asked now and then while a connection has no window and is not read, or while bytes wait in it.
  // When the local side has failed: calls connection.Close(failure) and returns kGone.
  virtual Presence Look() = 0;
};

}  // namespace hawser::tunnel
