#include "lib/h2/keepalive.h"

#include <algorithm>

namespace hawser::h2 {

Keepalive::Keepalive(base::Scheduler& scheduler, Link& link, base::Duration interval,
                     base::Duration timeout)
    : scheduler_(scheduler),
      link_(link),
      interval_(interval),
      timeout_(timeout),
      timer_(scheduler),
      sent_(scheduler.Now()) {}

void Keepalive::Start(bool ping_now) {
  sent_ = scheduler_.Now();
  if (ping_now) {
    Ping();
  } else {
    ScheduleNext();
  }
}

void Keepalive::Probe() {
  if (!outstanding_) Ping();
}

void Keepalive::SetInterval(base::Duration interval) {
  interval_ = interval;
  if (outstanding_) return;
  const bool unknown = round_trip_ == base::Duration::zero() && interval != base::Duration::zero();
  unknown ? Ping() : ScheduleNext();
}

bool Keepalive::OnAck(uint64_t opaque) {
  if (!outstanding_ || opaque != opaque_) return false;
  outstanding_ = false;
  // A round trip within one turn of the clock is still known: never zero.
  round_trip_ = std::max(scheduler_.Now() - sent_, base::Duration(1));
  least_.Add(round_trip_, scheduler_.Now());
  ScheduleNext();
  return true;
}

void Keepalive::Least::Add(base::Duration round_trip, base::Time now) {
  if (now - since_ >= kSpan) {
    older_ = newer_;
    newer_ = base::Duration::max();
    since_ = now;
  }
  newer_ = std::min(newer_, round_trip);
}

base::Duration Keepalive::Least::value() const {
  const base::Duration least = std::min(older_, newer_);
  return least == base::Duration::max() ? base::Duration::zero() : least;
}

void Keepalive::Ping() {
  outstanding_ = true;
  sent_ = scheduler_.Now();
  link_.SendPing(++opaque_);
  timer_.Set(timeout_, [this] { link_.OnPingTimeout(timeout_); });
}

void Keepalive::ScheduleNext() {
  if (interval_ == base::Duration::zero()) {
    timer_.Cancel();
    return;
  }
  timer_.Set(sent_ + interval_ - scheduler_.Now(), [this] { Ping(); });
}

}  // namespace hawser::h2
