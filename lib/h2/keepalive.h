// When to ping, when to give up, and the round-trip time that pings measure.
//
// Pings are sent whether the connection is idle or not: data that flows one way proves nothing
// about the other way. At most one ping is outstanding.
#pragma once

#include <chrono>
#include <cstdint>

#include "lib/base/scheduler.h"

namespace hawser::h2 {

class Keepalive {
 public:
  // Implemented by whoever owns the connection.
  class Link {
   public:
    virtual ~Link() = default;
    // Sends a PING with that opaque value.
    virtual void SendPing(uint64_t opaque) = 0;
    // The last ping stayed unanswered for `timeout`. Last call.
    virtual void OnPingTimeout(base::Duration timeout) = 0;
  };

  // `link` outlives this object. A zero `interval` means no pings.
  Keepalive(base::Scheduler& scheduler, Link& link, base::Duration interval,
            base::Duration timeout);

  // Begins; `ping_now` measures the round trip at once, whatever the interval.
  void Start(bool ping_now);
  void Stop() { timer_.Cancel(); }
  // Pings now, unless a ping is outstanding.
  void Probe();
  // A shorter interval counts from the last ping, as a longer one does; while no round trip is
  // known the first ping is sent at once.
  void SetInterval(base::Duration interval);
  // An answer arrived. False when no ping with that value is outstanding.
  bool OnAck(uint64_t opaque);

  base::Duration interval() const { return interval_; }
  base::Duration timeout() const { return timeout_; }
  // Measured last, zero when unknown.
  base::Duration round_trip() const { return round_trip_; }
  // The way alone, without what waits along it: the least one of the last minutes. Zero when
  // unknown.
  base::Duration least_round_trip() const { return least_.value(); }

 private:
  // The least of this span of time and of the one before: a way that has changed is believed after
  // two of them, and for as long bytes that wait along it do not count.
  class Least {
   public:
    void Add(base::Duration round_trip, base::Time now);
    base::Duration value() const;

   private:
    static constexpr base::Duration kSpan = std::chrono::minutes(3);
    base::Time since_{};
    base::Duration newer_ = base::Duration::max();
    base::Duration older_ = base::Duration::max();
  };

  void Ping();
  void ScheduleNext();

  base::Scheduler& scheduler_;
  Link& link_;
  base::Duration interval_;
  const base::Duration timeout_;
  base::Timer timer_;  // until the next ping, or until the outstanding one counts as lost
  bool outstanding_ = false;
  uint64_t opaque_ = 0;
  base::Time sent_;
  base::Duration round_trip_ = base::Duration::zero();
  Least least_;
};

}  // namespace hawser::h2
