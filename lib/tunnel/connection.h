// One tunnelled TCP connection on one session: its id, its windows, its place in the session's
// round-robin list. Owned by the session; an Endpoint is its local side.
//
// Windows (bytes), per direction: the sender of data may have at most the window outstanding; the
// receiver gives bytes back as its endpoint disposes of them. A peer without the feature `window`
// has no send limit of its own and is held back per connection by Session's rules.
#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "lib/base/scheduler.h"
#include "lib/tunnel/endpoint.h"
#include "lib/tunnel/failure.h"

namespace hawser::tunnel {

class Session;

class Connection {
 public:
  Connection(Session& session, int64_t id, std::shared_ptr<Endpoint> endpoint);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- for the endpoint ---
  // There is something to pull (bytes, an end, a failure).
  void Ready();
  // `bytes` handed over by Deliver() have left the endpoint.
  void Delivered(size_t bytes);
  // Ends the connection at once in both directions and tells the peer why. Calls
  // Endpoint::OnClosed(&failure) before it returns.
  void Close(const Failure& failure);

  int64_t id() const { return id_; }
  Session& session() { return session_; }
  uint64_t bytes_sent() const { return bytes_sent_; }
  uint64_t bytes_received() const { return bytes_received_; }
  // Bytes the peer lets us send now; 0 means that the window is exhausted.
  int64_t send_window() const { return send_window_; }
  // Delivered to the endpoint and still in its hands.
  uint64_t queued() const { return queued_; }

 private:
  friend class Session;
  Session& session_;
  const int64_t id_;
  const std::shared_ptr<Endpoint> endpoint_;
  int64_t send_window_ = 0;        // what the peer still allows us
  int64_t receive_window_ = 0;     // what we allow the peer in total (grows and shrinks)
  int64_t receive_allowance_ = 0;  // what the peer may still send of it
  int64_t unreturned_ = 0;         // disposed of, but not yet given back
  uint64_t queued_ = 0;
  uint64_t withheld_ = 0;          // stream bytes held back (peer without windows)
  uint64_t bytes_sent_ = 0;
  uint64_t bytes_received_ = 0;
  base::Time progress_at_;         // last time the endpoint took bytes while some were queued
  base::Time grant_at_;            // when the window was last given back
  bool ready_ = false;             // in the session's ready list
  bool parked_ = false;            // has something to send, but no window
  bool local_end_ = false;         // we sent FIN
  bool remote_end_ = false;        // the peer sent FIN
};

}  // namespace hawser::tunnel
