// The side of a session that asks for connections: the hub towards an agent, and our client
// towards a hub's gRPC front end.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "lib/tunnel/session.h"

namespace hawser::tunnel {

class DialingSession : public Session {
 public:
  using DialId = int64_t;
  // failure == nullptr: the connection is open; the endpoint's OnOpen() was called just before.
  using DialDone = absl::AnyInvocable<void(const Failure* failure)>;

  struct Dial {
    std::string address;  // "host:port", as the other side is to see it
    // First bytes for the target, at most early_limit(); or kMaxEarlySent before the peer has said
    // what it accepts: should it not take them, the endpoint still has to send them.
    std::string early;
    base::Duration timeout;  // kTimedOut after that
    std::string client;      // who asked: for listings, and for the peer, which is told a number
    // What the connection's queue is charged to; null: the session's.
    std::shared_ptr<MemoryBudget> memory;
  };

  explicit DialingSession(const SessionOptions& options)
      : Session(options), unsent_charge_(options.memory) {}

  // How many first bytes a dial may carry now. None when the peer did not accept the feature
  // `early`, and none while data waits: a dial goes ahead of data, its first bytes shall not.
  size_t early_limit() const {
    return features().early && !busy() && unsent_bytes_ < kMaxEarlySent ? kMaxEarlySent : 0;
  }

  // Starts a dial. `done` runs exactly once and in a later turn, unless CancelDial() comes first.
  // Fails with kOverloaded when too many dials are pending, with kAgentLost when the session ends.
  DialId StartDial(Dial dial, std::shared_ptr<Endpoint> endpoint, DialDone done);
  // Forgets the dial: `done` does not run, and a late answer leaves no connection behind. The peer
  // hears nothing of a dial that it was not asked for yet. `place`, what the dial takes of a
  // limited number, is held until the peer has answered, or the dial's time or a minute is over:
  // for so long the dial stands in front of others. Returns whether the peer was asked.
  bool CancelDial(DialId id, std::shared_ptr<void> place = nullptr);

  size_t pending_dials() const { return pending_.size(); }
  // The peer asked for no new dials.
  bool draining() const { return draining_; }

  bool EndSome(const absl::Status& status) override;

 protected:
  // The peer sent DRAIN for the first time.
  virtual void OnDrain() {}

  Failure LostFailure(const absl::Status& status) const override;
  // Whoever has given a dial up waits for nothing.
  Others OthersThan(const Connection& holder) const override {
    const bool dials = std::ranges::any_of(
        pending_, [](const auto& pending) { return pending.second.done != nullptr; });
    return dials ? Others::kWait : Session::OthersThan(holder);
  }
  wire::PacketType close_type() const override { return wire::CLOSE_REQ; }
  absl::Status OnDialPacket(const wire::Packet& packet) override;
  void OnConnectionEnded(Connection&) override {}
  bool ProduceRequests(net::MessageBatch& batch) override;

 private:
  struct Pending {
    std::shared_ptr<Endpoint> endpoint;
    DialDone done;  // null: it was cancelled
    std::shared_ptr<void> place;
    std::string target;
    std::string client;
    std::shared_ptr<MemoryBudget> memory;
    size_t early;
    base::Time due;
    std::unique_ptr<base::Timer> deadline;  // of `due`, or earlier when it was cancelled
    std::string request;                    // the DIAL_REQ, until it is sent
    bool asked = false;                     // it is sent
  };

  absl::Status OnAnswer(const wire::DialResponse& answer);
  void QueueRequest(DialId id, Pending& pending, const wire::Packet& packet);
  // Ends the session of a peer that has taken no request for too long.
  void EndWhenNoneAreTaken();
  // Its request is sent, or is not to be sent any more.
  void ForgetRequest(Pending& pending);
  // Nobody waits for the answer to a pending dial any more.
  void TakeBack(DialId id);
  void OnDeadline(DialId id);
  // Takes a pending dial off the list and tells it why it failed; a no-op for unknown ids.
  void Fail(DialId id, const Failure& failure);
  void FailLater(DialId id, const Failure& failure);

  std::unordered_map<DialId, Pending, base::SeededHash> pending_;
  // Dials whose requests wait, the oldest first; some of them are over.
  std::deque<DialId> unsent_;
  size_t unsent_bytes_ = 0;
  std::optional<base::Time> unsent_since_;  // when the peer took none of them; empty: never
  MemoryCharge unsent_charge_;
  DialId last_dial_ = 0;
  bool draining_ = false;
};

}  // namespace hawser::tunnel
