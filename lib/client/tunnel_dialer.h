// The dialer's half on its own loop: dials under way, each a wait for a link and then a stream.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/client/client_session.h"
#include "lib/client/link_pool.h"

namespace hawser::client {

class TunnelDialer {
 public:
  using DialId = uint64_t;

  struct Tunnel {
    std::string address;
    base::Duration timeout;
    // The local side, a connected stream socket; owned by the tunnel from now on.
    int fd;
    // Sent ahead of what comes from `fd`.
    std::string first_bytes;
    // The tunnel is open, or why not. Exactly once, as a turn.
    absl::AnyInvocable<void(const absl::Status&)> answered;
    // It was open and is over: `failure` when it broke. Before the local side can see that.
    absl::AnyInvocable<void(const tunnel::Failure* failure)> ended;
    // How long the local side may take nothing of what came before an orderly end.
    base::Duration patience;
    // `fd` is one end of a pair; see SocketEndpoint::SetPair().
    bool pair = false;
  };

  TunnelDialer(net::EventLoop& loop, std::unique_ptr<Connector> connector,
               base::Duration connect_timeout);
  // Ends everything: dials under way fail with kCancelled, open tunnels break.
  ~TunnelDialer();

  // `id` is the caller's and is used once. A local side that hangs up cancels the dial.
  void Dial(DialId id, Tunnel tunnel);
  // The dial fails with kCancelled; a no-op when it is over.
  void Cancel(DialId id);
  // Waits for the tunnels to end, then calls `drained`; nothing is dialled after this.
  void Drain(base::Closure drained) { links_.Drain(std::move(drained)); }

 private:
  struct Attempt;

  void OnLink(DialId id, h2::Transport* link, const absl::Status& error);
  void OnAnswer(DialId id, const tunnel::Failure* failure);
  void Fail(DialId id, const tunnel::Failure& failure);

  net::EventLoop& loop_;
  LinkPool links_;
  std::unordered_map<DialId, std::unique_ptr<Attempt>> attempts_;
};

}  // namespace hawser::client
