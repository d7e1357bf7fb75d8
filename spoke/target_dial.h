// One dial: from the address that was asked for to a connected socket, or why there is none.
//
// own name, table of names -> DNS in the spoke -> allow-list -> connect (happy eyeballs).
//
// Threads: the loop's. Destroying it cancels whatever it waits for.
#pragma once

#include <asio/ip/address.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/net/dialer.h"
#include "lib/net/event_loop.h"
#include "lib/net/resolver.h"
#include "lib/net/socket.h"
#include "lib/tunnel/failure.h"
#include "spoke/allow_list.h"
#include "spoke/target_names.h"

namespace hawser::spoke {

// What all dials of an agent share.
struct TargetRules {
  TargetNames names;
  AllowList allow_list;
  base::Duration timeout;  // of a dial, name resolution included
};

class TargetDial {
 public:
  // Exactly one of both is set.
  using Done = absl::AnyInvocable<void(std::unique_ptr<net::Socket>, const tunnel::Failure*)>;

  // All references outlive it. `done` runs once, perhaps within Start(), and may destroy the dial.
  // Names are looked up at the expense of `asker`.
  TargetDial(net::EventLoop& loop, net::Resolver& resolver, const void* asker,
             const TargetRules& rules, Done done);

  // `protocol` and `address` are a stranger's.
  void Start(const std::string& protocol, const std::string& address);

 private:
  void OnResolved(const absl::StatusOr<std::vector<asio::ip::address>>& addresses);
  void OnConnected(absl::StatusOr<int> fd);
  void Fail(tunnel::Reason reason, tunnel::Hop hop, const std::string& text);

  net::EventLoop& loop_;
  net::Resolver& resolver_;
  const void* const asker_;
  const TargetRules& rules_;
  Done done_;
  base::Time deadline_;
  TargetNames::Target target_;
  std::string looked_up_;
  std::unique_ptr<net::Lookup> query_;
  std::unique_ptr<net::ConnectAttempt> attempt_;
};

// Errors of net::Resolver and net::Connect in the words of Go programs, which reference clients and
// their tests look for: "dial tcp 10.0.0.1:80: connect: connection refused".
tunnel::Failure LookUpFailure(const absl::Status& status);
tunnel::Failure ConnectFailure(const absl::Status& status);

}  // namespace hawser::spoke
