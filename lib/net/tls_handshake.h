// TLS handshakes on a loop, with a deadline.
//
// `done` runs exactly once, as a later turn, with a socket that is ready for use or with why there
// is none: "tls handshake with 10.0.0.1:4711: certificate verify failed (certificate has expired)".
// kUnauthenticated when it is about certificates, kDeadlineExceeded, otherwise kUnavailable. A
// handshake that stalls costs nobody else anything, and a server's takes no memory to speak of
// before the client has sent its first byte.
//
// The certificate of a resumed session is known and has not expired, but it was verified when the
// session began: what it allows now is for the caller to decide, as for any other.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/net/event_loop.h"
#include "lib/net/socket.h"
#include "lib/net/tls_context.h"

namespace hawser::net {

using SocketReady = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<Socket>>)>;

// One under way. Lives until it has ended, whoever holds it. Threads: its loop's.
class Handshake {
 public:
  virtual ~Handshake() = default;
  // The peer has sent something, and something was computed for it.
  virtual bool begun() const = 0;
  // Ends it with `why`, for which `done` runs before this returns. Nothing happens when it has
  // ended.
  virtual void Cancel(const absl::Status& why) = 0;
};

// Both take ownership of `fd`, a connected stream socket.
std::shared_ptr<Handshake> TlsAccept(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
                                     base::Duration deadline, SocketReady done);
// `server_name`: the DNS name or IP address that the server's certificate must carry.
std::shared_ptr<Handshake> TlsConnect(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
                                      const std::string& server_name, base::Duration deadline,
                                      SocketReady done);

}  // namespace hawser::net
