// TLS handshakes on a loop, with a deadline.
//
// `done` runs exactly once, as a later turn, with a socket that is ready for use or with why there
// is none: "tls handshake with 10.0.0.1:4711: certificate verify failed (certificate has expired)".
// kUnauthenticated when it is about certificates, kDeadlineExceeded, otherwise kUnavailable. A
// handshake that stalls costs nobody else anything.
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

// Both take ownership of `fd`, a connected stream socket.
void TlsAccept(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
               base::Duration deadline, SocketReady done);
// `server_name`: the DNS name or IP address that the server's certificate must carry.
void TlsConnect(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
                const std::string& server_name, base::Duration deadline, SocketReady done);

}  // namespace hawser::net
