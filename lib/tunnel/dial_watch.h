// A client's socket while its dial is pending. It keeps what the client says meanwhile together
// with the socket, so that neither is lost when the dial is tried again elsewhere, and notices when
// the client hangs up.
//
//   DialWatch watch({std::move(socket), read_ahead});
//   watch.Start(DialWatch::End::kIsGone, [this] { Cancel(); });
//   ...                        // the dial is answered
//   Client client = watch.Take();
//
// Threads: the socket's loop.
#pragma once

#include <memory>
#include <string>

#include "lib/base/scheduler.h"
#include "lib/net/socket.h"
#include "lib/tunnel/memory.h"

namespace hawser::tunnel {

class DialWatch {
 public:
  struct Client {
    std::unique_ptr<net::Socket> socket;
    std::string read_ahead;  // bytes that were read from the socket already
  };
  // What the end of a client means that has said nothing.
  enum class End { kIsGone, kIsHalfClose };

  explicit DialWatch(Client client) : client_(std::move(client)) {}
  DialWatch(const DialWatch&) = delete;
  DialWatch& operator=(const DialWatch&) = delete;

  // `hung_up` runs once when the client is gone altogether, and may destroy this. A client that
  // said something and then sent FIN has only half-closed: it may well wait for an answer.
  void Start(End end, base::Closure hung_up);
  // What the client has said, and says, is charged there until the watch ends.
  void ChargeTo(std::shared_ptr<MemoryBudget> budget);
  // Ends the watch.
  Client Take();
  // Reads what the client has said by now, without waiting for more.
  void ReadAhead();
  const std::string& read_ahead() const { return client_.read_ahead; }

 private:
  net::Socket::Result ReadSome();
  void WaitReadable();
  void Read();
  void WaitHangUp();
  void HangUp();

  Client client_;
  MemoryCharge charge_;
  base::Closure hung_up_;
  End end_ = End::kIsHalfClose;
};

}  // namespace hawser::tunnel
