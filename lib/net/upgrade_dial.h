// Connects to an HTTP/1.1 server and asks it to let the connection become another one: a proxy by
// CONNECT (RFC 9110, 9.3.6), others by Upgrade (7.8).
//
// Threads: the loop's. `done` runs exactly once, in a later turn, with the server's answer,
// whatever that is, or with why there is none; never after the attempt was destroyed, which cancels
// it.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/host_port.h"
#include "lib/base/scheduler.h"
#include "lib/net/connect_reply.h"
#include "lib/net/dialer.h"
#include "lib/net/event_loop.h"
#include "lib/net/resolver.h"
#include "lib/net/socket.h"
#include "lib/net/tls_context.h"

namespace hawser::net {

struct UpgradeRequest {
  base::HostPort server;
  std::shared_ptr<TlsContext> tls;  // null: none
  std::string server_name;          // that its certificate must carry
  std::string head;                 // of the request, as it goes out
};

struct UpgradeAnswer {
  std::unique_ptr<Socket> socket;
  ConnectReply reply;  // complete
  std::string rest;    // what was read behind it; the next bytes of the other connection, if any
};

// Errors: what Resolver, Connect(), TlsConnect() and ConnectReply say; kDeadlineExceeded;
// kUnavailable when the server closes before it has answered.
std::unique_ptr<ConnectAttempt> RequestUpgrade(
    EventLoop& loop, Resolver& resolver, UpgradeRequest request, base::Duration deadline,
    absl::AnyInvocable<void(absl::StatusOr<UpgradeAnswer>)> done);

}  // namespace hawser::net
