// The side of a session that asks for connections: the hub towards an agent, and our client
// towards a hub's gRPC front end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "lib/tunnel/session.h"

namespace hawser::tunnel {

class DialingSession : public Session {
 public:
  struct Dial {
    std::string address;          // "host:port", as the other side is to see it
    std::string early;            // first bytes (<= 16 KiB); only sent when the peer accepted `early`, else the endpoint's Pull() is asked for them later
    base::Duration timeout;       // a failure kTimedOut after that
  };
  // failure == nullptr: open, the endpoint's OnOpen() was called just before.
  using DialDone = absl::AnyInvocable<void(const Failure* failure)>;
  using DialId = int64_t;

  explicit DialingSession(const SessionOptions& options);

  // Starts a dial. `done` is called exactly once, never from within StartDial(), unless CancelDial() comes first.
  // With early bytes: takes as many as the window allows (all, in practice) when early_accepted().
  DialId StartDial(Dial dial, std::shared_ptr<Endpoint> endpoint, DialDone done);
  // Forgets the dial: `done` is not called, a late answer leaves no connection behind.
  void CancelDial(DialId id);
  size_t pending_dials() const;
  bool draining() const;   // the peer sent DRAIN

 protected:
  // The peer sent DRAIN.
  virtual void OnDrain() {}
};

}  // namespace hawser::tunnel
