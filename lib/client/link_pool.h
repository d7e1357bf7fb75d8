// The HTTP/2 connections to the hub that carry a dialer's tunnels, called links: one as a rule,
// another one when the hub takes no more streams on it, a new one when it was lost and somebody
// dials.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/client/connector.h"
#include "lib/h2/transport.h"

namespace hawser::client {

class LinkPool {
 public:
  using WaiterId = uint64_t;
  // `link` takes a stream now; null when there is none to be had, and why. In a later turn.
  using Ready = absl::AnyInvocable<void(h2::Transport* link, const absl::Status& error)>;

  LinkPool(net::EventLoop& loop, std::unique_ptr<Connector> connector,
           base::Duration connect_timeout);
  LinkPool(const LinkPool&) = delete;
  LinkPool& operator=(const LinkPool&) = delete;
  // Closes all links; nobody who waits is called.
  ~LinkPool();

  WaiterId Acquire(Ready ready);
  // `ready` will not be called.
  void Forget(WaiterId id) { waiting_.erase(id); }
  // Lets the streams that are open end, then calls `drained`. Nothing may be acquired after this.
  void Drain(base::Closure drained);
  // Nobody answers on `link`: it gets no more streams, and closes after those it has.
  void Avoid(h2::Transport& link);
  // The hub behind `link` speaks our extension: it may be pinged.
  void StartKeepalive(h2::Transport& link);

  const Connector& connector() const { return *connector_; }

 private:
  void Serve();
  h2::Transport* FindRoom();
  void Connect();
  void OnLinkClosed(std::list<std::unique_ptr<h2::Transport>>::iterator link);
  void OnConnected(absl::StatusOr<std::unique_ptr<net::Socket>> socket);
  bool HasRoom(const h2::Transport& link) const;
  // Closes links that carry nothing, but for one.
  void CloseSpare();

  net::EventLoop& loop_;
  const std::unique_ptr<Connector> connector_;
  const base::Duration connect_timeout_;
  std::list<std::unique_ptr<h2::Transport>> links_;
  std::set<const h2::Transport*> avoided_;  // of these
  bool connecting_ = false;
  std::map<WaiterId, Ready> waiting_;  // in the order of asking
  WaiterId last_waiter_ = 0;
  base::Timer serve_;
  base::Closure drained_;
};

}  // namespace hawser::client
