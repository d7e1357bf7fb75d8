#include "lib/tunnel/receive_window.h"

namespace hawser::tunnel {

int64_t ReceiveWindow::Grant(int64_t most, bool shrink) {
  int64_t bytes = free_;
  if (shrink) {
    const int64_t less = std::min({size_ / 2, std::max(size_ - kSmallest, int64_t{0}), bytes});
    size_ -= less;
    bytes -= less;
  } else if (wanted()) {
    const int64_t more = std::clamp(most - size_, int64_t{0}, size_);
    size_ += more;
    bytes += more;
    used_ = 0;
  }
  free_ = 0;
  lacking_ = false;
  allowed_ += bytes;
  return bytes;
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
