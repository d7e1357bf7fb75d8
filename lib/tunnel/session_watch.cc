// Which connections have to go by no fault of their peer's; see session.h.
#include <algorithm>
#include <chrono>
#include <utility>

#include "lib/tunnel/memory.h"
#include "lib/tunnel/session.h"

namespace hawser::tunnel {
namespace {

constexpr base::Duration kSweepInterval = MemoryBudget::kStallRound;
// When memory is short: how long without progress makes a queue one that may have to go.
constexpr base::Duration kMemoryStallLimit = std::chrono::seconds(1);
// A queue that was never empty for that long is slow, however much it moves: others shall not be
// refused for its sake.
constexpr base::Duration kMemorySlowLimit = std::chrono::seconds(10);
// Who neither sent nor took anything for so long waits for nothing.
constexpr base::Duration kMovedLately = std::chrono::seconds(60);
// Those that hold back the stream of a plain peer must together take as much as they hold back
// within this time, which is what the others wait for. However many share a slow link, 100 kB/s for
// those that hold it back are enough.
constexpr base::Duration kLongestHold = std::chrono::seconds(10);
// What one took is known after a while; until then what it took when it was last looked at counts.
constexpr base::Duration kLeastMeasured = std::chrono::seconds(1);
// Of connections that did nothing for long, one may still wait to hear from its peer.
constexpr base::Duration kIdleHold = std::chrono::seconds(120);
// So much of the window may be held back, one part in four, until others wait for it.
constexpr uint64_t kMostWithheldOf = 4;

}  // namespace

// Some connections must be looked at now and then: one that is parked is not read, so its end is
// not seen; one that waits for a peer without FIN; one whose endpoint holds bytes.
void Session::Watch(Connection& connection) {
  watched_.PushBack(connection);
  if (!sweep_->armed()) sweep_->Set(kSweepInterval, [this] { Sweep(); });
}

// A look takes some system calls: a thousand of them in one turn would be felt by everybody else.
void Session::Sweep() {
  if (sweep_left_ == 0) sweep_left_ = watched_.size();
  std::vector<Connection*> slice;
  for (; sweep_left_ > 0 && slice.size() < kLookSlice; --sweep_left_)
    if (Connection* const connection = watched_.PopFront()) slice.push_back(connection);
  for (Connection* connection : slice) {
    // An ended one is buried only after this turn.
    if (connection->ended_ || !StillWatched(*connection)) continue;
    if (HasToGo(*connection)) {
      Fail(*connection, Reason::kOverloaded, "stalled while memory is short");
    } else {
      Watch(*connection);
    }
  }
  if (sweep_left_ > 0) {
    sweep_->Set(base::Duration::zero(), [this] { Sweep(); });
  } else if (!watched_.empty() && !sweep_->armed()) {
    // Of earlier slices, whose timer was for the next slice.
    sweep_->Set(kSweepInterval, [this] { Sweep(); });
  }
}

bool Session::HasToGo(const Connection& connection) const {
  if (connection.memory_ == nullptr || connection.queued_ == 0) return false;
  const base::Time now = stream_->scheduler().Now();
  if (now - connection.progress_at_ > kMemoryStallLimit)
    return connection.memory_->ShedsStalled(connection.queued_, now);
  if (now - connection.queued_since_ <= kMemorySlowLimit) return false;
  // A plain peer cannot be told to send less for one that is slow, which then is not to blame for
  // what its owner has queued. That others shall be served counts for more.
  const bool told = features_.window || options_.one_connection;
  return told ? connection.memory_->ShedsStalled(connection.queued_, now)
              : connection.memory_->ShedsForOthers(connection.queued_, now);
}

Session::Others Session::OthersThan(const Connection& holder) const {
  const base::Time lately = stream_->scheduler().Now() - kMovedLately;
  Others others = Others::kNone;
  for (const auto& [id, other] : connections_) {
    if (other.get() == &holder) continue;
    if (std::max(other->progress_at_, other->sent_at_) > lately) return Others::kWait;
    others = Others::kIdle;
  }
  return others;
}

bool Session::HoldsUpTooLong(Connection& connection) {
  if (connection.withheld_ == 0 || options_.one_connection) return false;
  // The others have the rest of the window.
  if (withheld_ <= stream_window() / kMostWithheldOf) return false;
  const base::Time now = stream_->scheduler().Now();
  const base::Duration still = now - connection.progress_at_;
  const bool stalled = still > Patience(connection);
  const base::Duration held = now - connection.held_since_;
  if (!stalled && held <= options_.plain_stall_limit) return false;
  // Goes through the others: only for one that may have to go.
  const Others waiting = OthersThan(connection);
  if (stalled) return waiting > Others::kIdle || (waiting == Others::kIdle && still > kIdleHold);
  connection.held_since_ = now;
  const uint64_t taken =
      std::max(std::exchange(connection.taken_, 0), std::exchange(connection.progressed_, 0));
  connection.rate_ = static_cast<double>(taken) / std::chrono::duration<double>(held).count();
  return waiting == Others::kWait && TakesLeast(connection);
}

// What is withheld is spread unevenly: they are judged together, and one goes at a time.
bool Session::TakesLeast(const Connection& holder) const {
  const base::Time now = stream_->scheduler().Now();
  const auto rate_of = [now](const Connection& connection) {
    const base::Duration held = now - connection.held_since_;
    if (held < kLeastMeasured) return connection.rate_;
    const uint64_t taken = std::max(connection.taken_, connection.progressed_);
    return static_cast<double>(taken) / std::chrono::duration<double>(held).count();
  };
  const double least = rate_of(holder) / static_cast<double>(holder.withheld_);
  double rate = 0;
  for (const auto& [id, other] : connections_) {
    if (other->withheld_ == 0) continue;
    const double others = rate_of(*other);
    if (others / static_cast<double>(other->withheld_) < least) return false;
    rate += others;
  }
  return rate * std::chrono::duration<double>(kLongestHold).count() <
         static_cast<double>(withheld_);
}

base::Duration Session::Patience(const Connection& connection) const {
  return hold_ups_.Patience(connection.memory_, connection.opened_at_, options_.plain_stall_limit,
                            stream_->scheduler().Now());
}

void Session::EndHolder(Connection& connection, const std::string& text) {
  // Connections without a budget of their own have no one owner.
  if (connection.memory_ != options_.memory)
    hold_ups_.Note(connection.memory_, stream_->scheduler().Now());
  Fail(connection, Reason::kTimedOut, "stalled: " + text);
}

// Goes through all connections, for an owner that does little else than to hold up others.
bool Session::MayHold(Connection& connection) {
  const base::Time now = stream_->scheduler().Now();
  const auto& owner = connection.memory_;
  if (!hold_ups_.OneAtATime(owner, connection.opened_at_, now)) return true;
  const bool another = std::ranges::any_of(connections_, [&](const auto& entry) {
    return entry.second->memory_ == owner && entry.second->withheld_ > 0;
  });
  if (another) EndHolder(connection, "another one of this client's, too, makes others wait");
  return !another;
}

bool Session::StillWatched(Connection& connection) {
  if (!LocalSideStays(connection)) return false;
  const base::Time now = stream_->scheduler().Now();
  const bool idle_window = connection.credit_.surplus() > 0 && !connection.local_end_ &&
                           connection.drained_at_ != base::Time::max();
  if (idle_window && now - connection.drained_at_ > options_.idle_window_limit)
    SendDemand(connection, connection.credit_.GiveUpSurplus());
  if (HoldsUpTooLong(connection)) {
    EndHolder(connection, "too little was read while others waited");
    return false;
  }
  return connection.parked_ || (connection.local_end_ && !features_.fin) ||
         connection.queued_ > 0 || (idle_window && connection.credit_.surplus() > 0);
}

bool Session::LocalSideStays(Connection& connection) {
  const bool waits_for_end = connection.local_end_ && !features_.fin;
  const bool quiet = !connection.parked_ && !waits_for_end;
  if (quiet && connection.queued_ == 0) return true;
  const Presence presence = connection.endpoint_->Look();
  if (connection.ended_) return false;
  if (quiet) return true;
  const base::Time now = stream_->scheduler().Now();
  if (presence == Presence::kGone) {
    CloseByUs(connection, nullptr);
    return false;
  }
  if (presence == Presence::kLeft && now - connection.parked_at_ > options_.left_limit) {
    Fail(connection, Reason::kTimedOut, "what was sent before the end was not taken in time");
    return false;
  }
  if (waits_for_end && now - connection.progress_at_ > options_.half_closed_limit) {
    Fail(connection, Reason::kTimedOut, "nothing came in time after the end of what was sent");
    return false;
  }
  return true;
}

}  // namespace hawser::tunnel
