// Connects to a server through an HTTP proxy: CONNECT (RFC 9110, 9.3.6).
//
// Threads: the loop's. `done` runs exactly once, in a later turn, with a connected descriptor whose
// next byte is the server's (owned by the callee), or with why there is none; never after the
// attempt was destroyed, which cancels it.
//
// Through a proxy with TLS, bytes are encrypted twice; the attempt itself then passes them on, and
// must be kept for as long as the descriptor is used.
#pragma once

#include <memory>

#include "lib/base/host_port.h"
#include "lib/base/scheduler.h"
#include "lib/net/dialer.h"
#include "lib/net/event_loop.h"
#include "lib/net/proxy_settings.h"
#include "lib/net/resolver.h"
#include "lib/net/tls_context.h"

namespace hawser::net {

// A client's side of TLS towards proxies: no certificate of ours; `ca` names the file with their
// CAs, empty: the system's.
absl::StatusOr<std::shared_ptr<TlsContext>> ProxyTls(const std::string& ca);

// The server's name is for the proxy to resolve. `tls` is for proxies with TLS, else not looked at.
// Errors: "proxy 10.0.0.1:3128 for hub.example:8091: " and kUnauthenticated when the proxy wants
// other credentials, or what Resolver, Connect() and TlsConnect() say; kUnavailable for other
// answers; kInvalidArgument when it does not speak HTTP.
std::unique_ptr<ConnectAttempt> ConnectThroughProxy(EventLoop& loop, Resolver& resolver,
                                                    const ProxyServer& proxy,
                                                    std::shared_ptr<TlsContext> tls,
                                                    const base::HostPort& server,
                                                    base::Duration deadline, Connected done);

}  // namespace hawser::net
