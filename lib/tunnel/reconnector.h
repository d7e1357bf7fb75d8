// Keeps one link to one server: decides when to connect, not how. Connecting, and what a link is,
// are injected.
//
//             due              connected
//   kWaiting -----> kConnecting ------> kUp <-------.
//      ^  ^             |               |  \ Replace()  \ connected (the old link drains)
//      |  '--- failed --'               |   '--------> kReplacing
//      '------------- lost -------------'
//
// Drain() ends all that: no more attempts, and the links drain.
//
// Threads: the scheduler's. Connect, observers and Link's methods are called from here and may not
// destroy the Reconnector.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/tunnel/backoff.h"

namespace hawser::tunnel {

class Link;

// Told about the life of a link, by the link; never from within a call to it.
class LinkOwner {
 public:
  // The link serves.
  virtual void OnUp(Link& link) = 0;
  // The server is about to stop: the link goes on serving, but a successor is wanted.
  virtual void OnLeaving(Link& link) = 0;
  // The attempt failed or the link is lost, and why: kAlreadyExists for an attempt that led to a
  // server which has a link. Last call: may destroy the link.
  virtual void OnDown(Link& link, const absl::Status& reason) = 0;

 protected:
  ~LinkOwner() = default;
};

// A link to a server: first an attempt, up after OnUp(). Destroying it ends it silently.
class Link {
 public:
  virtual ~Link() = default;
  // Take no new work, finish what there is, then OnDown().
  virtual void Drain() = 0;
};

class Reconnector final : private LinkOwner {
 public:
  enum class State {
    kWaiting,     // no link; the next attempt is due at a set time
    kConnecting,  // no link; an attempt is under way
    kUp,          // the link serves
    kReplacing,   // the link serves, and its successor is waited for or attempted
    kDraining,    // no link is wanted any more; there may be some left
  };

  using Connect = absl::AnyInvocable<std::unique_ptr<Link>(LinkOwner& owner)>;
  // Uniform in [0, 1).
  using Random = std::function<double()>;
  enum class Change {
    kUp,      // the link serves; when there was one before, that one drains now
    kFailed,  // an attempt
    kLost,    // the link
    kGone,    // a draining link
  };
  // `reason`: why, or OK.
  using Observer = absl::AnyInvocable<void(Change change, const absl::Status& reason)>;

  Reconnector(base::Scheduler& scheduler, const Backoff::Policy& policy, Random random,
              Connect connect, Observer observer);
  Reconnector(const Reconnector&) = delete;
  Reconnector& operator=(const Reconnector&) = delete;
  ~Reconnector();

  // Makes the first attempt at once. Start() or Resume(), once.
  void Start();
  // Goes on where the Reconnector that had this back-off has left off: the first attempt waits.
  void Resume(const Backoff& backoff);
  // See Backoff. Whoever waits for its next attempt waits no longer than an outage's first ones do.
  void OnLostElsewhere(base::Time up_since);
  // See Backoff; after an attempt that led elsewhere.
  void OnUpElsewhere(base::Time up_since);
  // Make before break: a successor is connected first, then the link drains. An attempt that is
  // under way was begun before what calls for this, so what comes of it is replaced in turn.
  void Replace();
  void Drain();

  State state() const { return state_; }
  const Backoff& backoff() const { return backoff_; }
  // The link that serves; null when there is none.
  Link* link() const { return link_.get(); }
  // The link that serves and those that drain.
  template <typename Visitor>
  void ForEachLink(Visitor&& visit) const {
    if (link_ != nullptr) visit(*link_);
    for (const auto& link : draining_) visit(*link);
  }
  // Nothing is left of it after Drain().
  bool drained() const;

 private:
  enum class Event { kDue, kConnected, kFailed, kLost, kReplace, kDrain };

  // All transitions.
  void On(Event event);
  void Attempt();
  void Wait();
  // The first attempt at a successor. A server whose links are always replaced when they are young
  // is asked no faster than one that loses them.
  void AttemptSuccessor();
  void Retire(std::unique_ptr<Link> link);

  // LinkOwner
  void OnUp(Link& link) override;
  void OnLeaving(Link& link) override;
  void OnDown(Link& link, const absl::Status& reason) override;

  base::Scheduler& scheduler_;
  Random random_;
  Connect connect_;
  Observer observer_;
  Backoff backoff_;
  State state_ = State::kWaiting;
  base::Timer due_;
  std::unique_ptr<Link> link_;
  base::Time up_since_;
  std::unique_ptr<Link> attempt_;
  bool led_elsewhere_ = false;    // the last attempt, to a server that has a link already
  bool replace_attempt_ = false;  // what the attempt leads to
  std::vector<std::unique_ptr<Link>> draining_;
};

const char* StateName(Reconnector::State state);

}  // namespace hawser::tunnel
