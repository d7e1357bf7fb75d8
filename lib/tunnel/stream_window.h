// How large the window of a stream should be whose connections have none of their own, in bytes:
// the one that HTTP/2 keeps. Pure.
//
// HTTP/2 does not say that a sender lacks window. So it is measured as kernels do for TCP (dynamic
// right-sizing): the window shall hold what the reader takes within as many round trips as a
// ReceiveWindow goes by.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "lib/base/scheduler.h"
#include "lib/tunnel/receive_window.h"

namespace hawser::tunnel {

class StreamWindow {
 public:
  // It shrinks to no less than `least`.
  StreamWindow(int64_t size, int64_t least, base::Time now)
      : size_(size), least_(least), since_(now) {}

  int64_t size() const { return size_; }
  // The readers took `bytes`. The window may at most double within a round trip, up to `most`
  // bytes, and halves when it is to `shrink`. A `round_trip` of 0, not known, counts as
  // kUnknownWay. Returns whether its size has changed.
  bool OnTaken(size_t bytes, base::Time now, base::Duration round_trip, int64_t most, bool shrink) {
    taken_ += static_cast<int64_t>(bytes);
    const base::Duration trip = round_trip == base::Duration{} ? kUnknownWay : round_trip;
    const base::Duration elapsed = now - since_;
    if (elapsed < std::max(trip, ReceiveWindow::kBusyTurn)) return false;
    const base::Duration held =
        std::max(ReceiveWindow::kRoundTrips * trip, 2 * ReceiveWindow::kBusyTurn);
    const auto wanted =
        static_cast<int64_t>(static_cast<double>(taken_) * static_cast<double>(held.count()) /
                             static_cast<double>(elapsed.count()));
    since_ = now;
    taken_ = 0;
    const int64_t grown = std::min({wanted, 2 * size_, std::max(most, size_)});
    const int64_t next =
        shrink ? std::max(size_ / 2, std::min(size_, least_)) : std::max(size_, grown);
    return std::exchange(size_, next) != next;
  }

 private:
  // Go's servers punish pings: of the way to them nothing is known.
  static constexpr base::Duration kUnknownWay = std::chrono::milliseconds(40);

  int64_t size_;
  int64_t least_;
  int64_t taken_ = 0;  // since `since_`
  base::Time since_;
};

}  // namespace hawser::tunnel
