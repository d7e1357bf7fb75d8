#include "lib/tunnel/receive_window.h"

namespace hawser::tunnel {

int64_t ReceiveWindow::Grant(int64_t most, bool shrink, base::Time now, base::Duration round_trip) {
  int64_t bytes = free_;
  if (shrink) {
    const int64_t less = std::min({size_ / 2, std::max(size_ - kSmallest, int64_t{0}), bytes});
    size_ -= less;
    bytes -= less;
  } else if (wanted()) {
    lacking_ = false;
    const base::Duration elapsed = since_ ? now - *since_ : base::Duration{};
    if (!since_ || elapsed >= kShortestMeasure) {
      if (!since_ || FillsTheWay(elapsed, round_trip)) {
        const int64_t more = std::clamp(most - size_, int64_t{0}, size_);
        size_ += more;
        bytes += more;
      }
      taken_ = 0;
      since_ = now;
    }
  }
  free_ = 0;
  allowed_ += bytes;
  return bytes;
}

bool ReceiveWindow::FillsTheWay(base::Duration elapsed, base::Duration round_trip) const {
  if (round_trip == base::Duration{}) return true;
  const base::Duration limit = std::max(kRoundTrips * round_trip, kBusyTurn);
  return static_cast<double>(taken_) * static_cast<double>(limit.count()) >=
         static_cast<double>(size_) * static_cast<double>(elapsed.count());
}

bool ReceiveWindow::OnGivenUp(int64_t bytes, int64_t first) {
  if (bytes <= 0 || bytes > allowed_ || size_ - bytes < kSmallest) return false;
  allowed_ -= bytes;
  size_ -= bytes;
  const int64_t idle = std::min(free_, std::max(size_ - first, int64_t{0}));
  free_ -= idle;
  size_ -= idle;
  return true;
}

}  // namespace hawser::tunnel
