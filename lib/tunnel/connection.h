// One tunnelled TCP connection on one session: its id, its windows, its place in the session's
// lists. Owned by the session; an Endpoint is its local side.
//
// Windows (bytes), per direction: the sender of data may have at most the window outstanding; the
// receiver gives bytes back as its endpoint disposes of them. A peer without the feature `window`
// sends without limit of its own and is held back by Session's rules.
//
// Threads: the session's scheduler. A Connection is destroyed at the end of the turn in which its
// endpoint was told of the end. When the peer ends hundreds at once, that is some turns later: of
// what the endpoint does meanwhile only a failure counts, which it is told instead of an end in
// order.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "lib/base/scheduler.h"
#include "lib/tunnel/connection_list.h"
#include "lib/tunnel/endpoint.h"
#include "lib/tunnel/failure.h"
#include "lib/tunnel/receive_window.h"
#include "lib/tunnel/send_credit.h"

namespace hawser::tunnel {

class MemoryBudget;
class Session;

class Connection {
 public:
  Connection(Session& session, int64_t id, std::shared_ptr<Endpoint> endpoint,
             std::shared_ptr<MemoryBudget> memory);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- for the endpoint ---
  // There is something to pull: bytes, an end, or a failure.
  void Ready();
  // `bytes` of what Deliver() handed over have left the endpoint.
  void Delivered(size_t bytes);
  // The local side takes what it was given: by so many bytes since the last time, of which some may
  // have been Delivered() long ago.
  void Progressed(size_t bytes);
  // Ends the connection at once in both directions and tells the peer why; calls
  // Endpoint::OnClosed(&failure) before it returns, or soon when the peer has ended it already.
  void Close(const Failure& failure);
  // Ends it in order: the peer still writes out everything sent before. Calls OnClosed(nullptr).
  void Close();

  int64_t id() const { return id_; }
  Session& session() { return session_; }
  // What the endpoint's queue is charged to. May be null.
  const std::shared_ptr<MemoryBudget>& memory() const { return memory_; }
  uint64_t bytes_sent() const { return bytes_sent_; }
  uint64_t bytes_received() const { return bytes_received_; }
  // Bytes the peer lets us send now; 0 or less: exhausted.
  int64_t send_window() const { return credit_.available(); }
  // Handed to the endpoint and still in its hands.
  uint64_t queued() const { return queued_; }
  // More than half of what the peer may send before it has to wait is still in the endpoint's
  // hands.
  bool full() const;
  base::Time opened_at() const { return opened_at_; }
  // Dialling side: what was dialled, "host:port", and for whom; for listings.
  const std::string& target() const { return target_; }
  const std::string& client() const { return client_; }
  void SetPeers(std::string target, std::string client) {
    target_ = std::move(target);
    client_ = std::move(client);
  }

 private:
  friend class ReadyQueue;
  friend class Session;

  Session& session_;
  const int64_t id_;
  const std::shared_ptr<Endpoint> endpoint_;
  const std::shared_ptr<MemoryBudget> memory_;
  const base::Time opened_at_;
  std::string target_;
  std::string client_;

  SendCredit credit_;
  uint64_t bytes_sent_ = 0;
  ReceiveWindow window_;  // of peers with windows
  uint64_t bytes_received_ = 0;
  uint64_t queued_ = 0;
  uint64_t withheld_ = 0;    // bytes of the stream's own window held back on this one's account
  base::Time held_since_;    // while there are some, or since it was last looked at
  uint64_t taken_ = 0;       // bytes that the endpoint took since then,
  uint64_t progressed_ = 0;  // and of which it said that its peer did
  double rate_ = 0;          // how much that was a second when it was last looked at
  base::Time progress_at_;   // when the endpoint last took bytes, or last had none
  base::Time queued_since_;  // when the endpoint was last given bytes while it had none
  base::Time parked_at_;     // when it was last parked
  base::Time moved_at_;      // for EndIdle(): when bytes were last seen to have moved,
  uint64_t moved_ = 0;       // and how many there were
  uint64_t received_at_demand_ = 0;  // when the last DEMAND came
  base::Time sent_at_;               // when bytes were last sent to a plain peer
  base::Time drained_at_;  // when the endpoint last had no more to send; max(): it may have

  ConnectionHook ready_hook_;         // waits for its turn to be pulled
  ConnectionHook grant_hook_;         // owes the peer a WINDOW
  ConnectionHook watch_hook_;         // looked at by the session's sweep
  bool bulk_ = false;                 // had more to pull after its last turn
  bool parked_ = false;               // has something to pull, but no window
  bool local_end_ = false;            // the endpoint finished sending
  bool remote_end_ = false;           // the peer sent FIN
  bool ended_ = false;                // over; waits for destruction
  std::unique_ptr<Failure> failure_;  // of an end that the endpoint does not know of yet
};

}  // namespace hawser::tunnel
