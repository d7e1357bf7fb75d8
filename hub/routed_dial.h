// One dial through the hub: picks a session, goes to its loop, dials, and reports. When the tunnel
// to the agent is what failed, or the agent says nothing at all any more, and no first bytes can
// have been lost with it, another replica is tried once.
//
// A Dialler is the side that asked; it travels with the dial from loop to loop.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "hub/session_registry.h"
#include "hub/shard.h"
#include "lib/base/host_port.h"
#include "lib/tunnel/dialing_session.h"
#include "lib/tunnel/endpoint.h"

namespace hawser::hub {

class RoutedDial;

class Dialler {
 public:
  struct Attempt {
    std::shared_ptr<tunnel::Endpoint> endpoint;
    std::string early;  // first bytes for the target, at most the limit
  };

  virtual ~Dialler() = default;
  // Takes what it needs for the dial to `shard` and runs `then` there, or here and now when that
  // is where it is.
  virtual void MoveTo(Shard& shard, base::Closure then) = 0;
  // On the session's loop: the local side of the connection. Once more when the dial is retried.
  virtual Attempt Prepare(const std::shared_ptr<RoutedDial>& dial, Shard& shard,
                          size_t early_limit) = 0;
  // Last call, on the loop where the dial ended; null: the connection is open.
  virtual void OnDialed(Shard& shard, const tunnel::Failure* failure) = 0;
};

class RoutedDial : public std::enable_shared_from_this<RoutedDial> {
 public:
  struct Request {
    base::HostPort target;
    base::Duration timeout;
    std::string client;  // who asks: for listings, and whose share it counts in
    // The client's, for what is queued and for its connections; may be null.
    std::shared_ptr<tunnel::MemoryBudget> memory, connection_memory;
  };

  // On the thread of `here`, where `dialler` is now. May report from within.
  static std::shared_ptr<RoutedDial> Start(SessionRegistry& registry, Shard& here, Request request,
                                           std::unique_ptr<Dialler> dialler);

  // The dialler gave up: it hears no more, and no connection is left behind. Any thread.
  void Cancel();

 private:
  RoutedDial(SessionRegistry& registry, Shard& here, Request request,
             std::unique_ptr<Dialler> dialler);

  void Begin();
  void GoTo(DialLease lease);
  void DialHere();
  // The session left the dial unanswered for a while: asks it for a sign of life, and goes
  // elsewhere when none comes and there is somebody to go to.
  void AskForLife();
  void LeaveSilent(base::Time asked_at);
  void OnAnswer(const tunnel::Failure* failure);
  void Finish(const tunnel::Failure* failure);
  void CancelHere(Shard& shard);
  void Drop(Shard& shard);

  SessionRegistry& registry_;
  const Request request_;
  const base::Time started_;
  const base::Time deadline_;
  std::optional<tunnel::Destination> destination_;  // of a target that is a name or an address
  std::atomic<Shard*> at_;                          // where the dial is or is headed
  std::atomic<bool> cancelled_{false};

  // On the loop where the dial is:
  std::unique_ptr<Dialler> dialler_;
  std::optional<DialLease> lease_;
  std::optional<tunnel::DialingSession::DialId> pending_;
  std::unique_ptr<base::Timer> patience_;
  bool early_sent_ = false;
  bool retried_ = false;
};

}  // namespace hawser::hub
