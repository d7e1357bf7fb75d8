// How many unproductive frames a peer may send: a token bucket.
//
// Resets, pings, settings, empty DATA, window updates, priorities and refused streams cost the
// sender a few bytes and the receiver work. Honest peers send them too, mostly in answer to data
// (grpc-go updates windows and pings for its bandwidth estimate while it receives), so tokens come
// back with time and with every DATA frame that we sent, and resets of streams that were open for a
// second cost nothing: those are bounded by how many may be open. A frame costs one token; a stream
// that breaks the protocol, which no honest peer does, a hundred.
#pragma once

#include "lib/base/scheduler.h"

namespace hawser::h2 {

class AbuseBudget {
 public:
  struct Limits {
    double burst = 1000;              // tokens held at most, and at the start
    double per_second = 100;          // tokens that come back with time
    double per_sent_data_frame = 10;  // and with productive work
  };

  AbuseBudget(const Limits& limits, base::Time now);

  // Takes `cost` tokens. False when there were fewer: the peer is over its budget.
  [[nodiscard]] bool Charge(double cost, base::Time now);
  void OnDataFrameSent();

 private:
  const Limits limits_;
  double tokens_;
  base::Time refilled_;
};

}  // namespace hawser::h2
