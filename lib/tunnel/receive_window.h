// How much a peer may have on its way to one connection, in bytes. Pure.
//
// At any time each byte of the window is allowed (the peer may send it), held (the endpoint has it)
// or free (the endpoint has disposed of it, and the peer is to be told): allowed + held + free ==
// size. The window grows when the peer says that it lacks some while the endpoint keeps up and the
// way, not the endpoint, is what bytes wait for: so a long way is filled, and a slow reader costs
// no more than it did.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "lib/base/scheduler.h"

namespace hawser::tunnel {

class ReceiveWindow {
 public:
  // A window never shrinks below this many bytes.
  static constexpr int64_t kSmallest = 64 * 1024;
  // So many free bytes are worth a message, however large the window.
  static constexpr int64_t kLargestStep = 512 * 1024;
  // A window that is used up within so many round trips is too small. One would do to fill the way;
  // but BBR, which takes a sender that waits for us for one with little to say, sends three times
  // what the way takes for as long as it finds nothing more to send.
  static constexpr int kRoundTrips = 5;
  // What a turn may take on a busy machine: windows that last no longer make both ends wait for
  // each other, however short the way between them.
  static constexpr base::Duration kBusyTurn = std::chrono::milliseconds(1);
  // The rate of a reader is measured over a few of those: within one it takes much at a time.
  static constexpr base::Duration kShortestMeasure = 8 * kBusyTurn;

  explicit ReceiveWindow(int64_t size = 0) : size_(size), allowed_(size) {}

  int64_t size() const { return size_; }
  int64_t allowed() const { return allowed_; }
  int64_t held() const { return size_ - allowed_ - free_; }
  // More than half of it is held: the endpoint is what everybody waits for.
  bool full() const { return 2 * held() > size_; }

  // The peer sent `bytes`. False: more than it was allowed.
  bool Receive(size_t bytes) {
    allowed_ -= static_cast<int64_t>(bytes);
    return allowed_ >= 0;
  }
  // The endpoint has disposed of `bytes`, at most held().
  void Dispose(size_t bytes) {
    const int64_t count = std::min(static_cast<int64_t>(bytes), held());
    free_ += count;
    taken_ += count;
  }
  // The peer had more to send than it was allowed, when it said so: it may have been allowed more
  // since. Believed once the endpoint has taken a whole window since a lack was last considered, up
  // to a `sliver` that is not worth a message: an endpoint that has only filled the kernel's buffer
  // does not show yet that it reads.
  void OnLack(int64_t sliver) {
    lacking_ = true;
    sliver_ = sliver;
  }
  // The peer gives `bytes` up that it is allowed; what is free goes with them, as far as the window
  // is larger than `first`. False: it is not allowed as much, or too little would be left.
  bool OnGivenUp(int64_t bytes, int64_t first);

  // Whether there is something to Grant() that is worth a message.
  bool due() const { return (free_ > 0 && free_ >= std::min(size_ / 4, kLargestStep)) || wanted(); }
  // Returns what the peer is to be allowed on top. The window may at most double, up to `most`
  // bytes, when the peer lacks some and a whole window is used up within kRoundTrips (which the
  // first time is not known, and is supposed); on a shorter way a larger one would only lie in the
  // endpoint's queue. `round_trip` is 0 when not known: then the way counts as long. The window
  // halves, as far as bytes are free, when it is to `shrink`.
  int64_t Grant(int64_t most, bool shrink, base::Time now, base::Duration round_trip);

 private:
  bool wanted() const { return lacking_ && taken_ > size_ - sliver_ && !full(); }
  // Whether the endpoint takes a whole window within kRoundTrips.
  bool FillsTheWay(base::Duration elapsed, base::Duration round_trip) const;

  int64_t size_;
  int64_t allowed_;
  int64_t free_ = 0;
  int64_t taken_ = 0;  // by the endpoint, since `since_`
  int64_t sliver_ = 0;
  std::optional<base::Time> since_;  // when a lack was last considered; empty: never
  bool lacking_ = false;             // the peer said so since then
};

}  // namespace hawser::tunnel
