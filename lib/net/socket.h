// A connected, non-blocking byte socket on one event loop: plain (TCP, Unix) or TLS.
//
// Reading never waits for writing. Nothing is buffered while idle: Read() goes to the kernel (and
// through TLS) straight into the caller's memory; Write() keeps only ciphertext that the kernel
// did not take, at most one call's worth, and refuses more until that is out.
//
// Threads: the loop's. Callbacks run as turns of the loop, at most once per request, and never
// after Close() or destruction; a callback may destroy the socket.
#pragma once

#include <openssl/x509.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/net/event_loop.h"

namespace hawser::net {

// Who is at the other end, as far as the socket can prove it.
struct PeerInfo {
  std::string address;                // "10.0.0.1:4711", "[::1]:4711", or "unix"
  std::optional<uid_t> uid;           // Unix sockets: the process that connected
  std::shared_ptr<X509> certificate;  // TLS: verified; null when the peer showed none
  // TLS: what else it showed. Null for a resumed session, whose ticket has the certificate only.
  std::shared_ptr<STACK_OF(X509)> chain;
  uint64_t authorities = 0;  // TLS: of the context that let it in, see TlsContext
  std::string alpn;          // TLS: the protocol agreed on
  bool resumed = false;      // TLS: the session was resumed

  // The address without its port.
  std::string host() const { return address.substr(0, address.rfind(':')); }
};

class Socket {
 public:
  struct Result {
    enum Kind {
      kOk,          // `bytes` > 0 were moved
      kWouldBlock,  // nothing now: WaitReadable() / WaitWritable()
      kEnd,         // Read only: the peer finished sending (FIN; for TLS: close_notify or FIN)
      kError,       // the connection is dead; error() says why
    } kind;
    size_t bytes = 0;
  };

  // What the other end of the connection is up to.
  enum class Peer {
    kThere,  // as far as one can see: it may have sent FIN
    kLeft,   // gone altogether, but something that it sent is still to be read
    kGone,   // gone altogether, and all is read
    kReset,  // gone, or lost, in a way that breaks the connection
  };

  virtual ~Socket() = default;

  // Reads at most space.size() bytes.
  virtual Result Read(std::span<uint8_t> space) = 0;
  // Takes bytes in order; may take fewer than offered. For TLS all that is taken is encrypted and
  // sent in one system call.
  virtual Result Write(std::span<const iovec> bytes) = 0;
  // How many bytes one Write() should carry, so that those of the next one do not wait for long.
  virtual size_t batch() const { return SIZE_MAX; }
  // Many tunnelled connections share this one: it may have more on its way than the kernel lets a
  // single one have.
  virtual void ShareAmongMany() {}
  // The memory, in bytes, of accepted bytes that still wait for the kernel.
  virtual size_t unwritten() const = 0;
  bool written() const { return unwritten() == 0; }

  // Call back once when Read() / Write() would make progress (or report an end or error).
  virtual void WaitReadable(base::Closure callback) = 0;
  virtual void WaitWritable(base::Closure callback) = 0;
  // Calls back once when Look() is no longer kThere, found out without reading.
  virtual void WaitHangUp(base::Closure callback) = 0;
  // Drops the callbacks of the waits.
  virtual void StopWaiting() = 0;

  // Sends FIN (TLS: close_notify, then FIN) after everything accepted. Reading goes on.
  virtual void ShutdownWrite() = 0;
  // Sends what says nothing (TLS servers: a session ticket), to which a peer that has closed its
  // end altogether, and not only finished sending, answers with a reset. Others have nothing to
  // send.
  virtual void Probe() {}
  // Closes now; bytes the kernel did not take are lost. Idempotent.
  virtual void Close() = 0;
  // Closes so that the peer sees a reset (SO_LINGER 0).
  virtual void Abort() = 0;
  virtual bool open() const = 0;

  // Found out without reading. A TLS peer is also gone when it sent FIN without close_notify, which
  // is only known when all before that is read.
  virtual Peer Look() const = 0;
  // Accepted bytes that the peer has not acknowledged.
  virtual size_t Outstanding() const = 0;
  virtual absl::Status error() const = 0;
  // The descriptor, for socket options only.
  virtual int fd() const = 0;
  virtual EventLoop& loop() = 0;
  virtual const PeerInfo& peer() const = 0;

  // Detaches the socket from its loop and hands it to `target`, where `done` runs as a turn. No
  // wait may be pending. For TLS its state and everything read ahead move along.
  static void MoveTo(std::unique_ptr<Socket> socket, EventLoop& target,
                     absl::AnyInvocable<void(std::unique_ptr<Socket>)> done);

 protected:
  // Called on the old loop, then on the new one.
  virtual void Detach() = 0;
  virtual void Attach(EventLoop& loop) = 0;
};

// Takes ownership of `fd`: a connected stream socket, made non-blocking here.
std::unique_ptr<Socket> MakePlainSocket(EventLoop& loop, int fd);

}  // namespace hawser::net
