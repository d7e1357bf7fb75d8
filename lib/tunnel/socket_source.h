// What a tunnelled socket has for the tunnel: read ahead, or in its kernel buffer, or still to
// come. Nothing is read before Pull() asks for it.
//
// Threads: the socket's loop. The owner is called from turns of the loop, never from within Pull(),
// and owns this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "lib/net/socket.h"
#include "lib/tunnel/memory.h"

namespace hawser::tunnel {

class SocketSource {
 public:
  class Owner {
   public:
    // There is something to pull.
    virtual void OnReadable() = 0;
    // The peer had finished sending, and now it is gone altogether.
    virtual void OnHangUp() = 0;

   protected:
    ~Owner() = default;
  };
  struct Read {
    enum Outcome {
      kBytes,    // there may be more
      kDrained,  // as kBytes (bytes may be 0), and OnReadable() will say when there is more
      kEnd,      // the peer finished sending, and all was pulled
      kFailed,   // the socket's error() says why
    } outcome;
    size_t bytes = 0;
  };

  // `read_ahead`: bytes that were read from the socket already, charged to `memory` until they are
  // pulled. References outlive this.
  SocketSource(net::Socket& socket, std::string read_ahead, std::shared_ptr<MemoryBudget> memory,
               Owner& owner);

  // Calls OnReadable() when there is something, maybe from within.
  void Start();
  Read Pull(std::span<uint8_t> space);
  bool ended() const { return ended_; }
  // Nothing was read ahead that waits to be pulled.
  bool empty() const { return read_ahead_.empty(); }

 private:
  void Wait();

  net::Socket& socket_;
  Owner& owner_;
  std::string read_ahead_;
  MemoryCharge charge_;
  bool ended_ = false;
};

}  // namespace hawser::tunnel
