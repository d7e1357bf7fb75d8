#include "lib/tunnel/memory.h"

#include <algorithm>

namespace hawser::tunnel {

MemoryBudget::Pressure MemoryBudget::pressure() const {
  const uint64_t now = used();
  const uint64_t cap = cap_.load(std::memory_order_relaxed);
  if (now >= cap) return Pressure::kFull;
  if (now > cap / 10 * 9) return Pressure::kRefuse;
  if (now > cap / 4 * 3) return Pressure::kShrink;
  if (now > cap / 2) return Pressure::kStopGrowing;
  return Pressure::kNone;
}

int64_t MemoryBudget::Promisable(int64_t own) const {
  const auto shared = static_cast<int64_t>(cap_.load(std::memory_order_relaxed) / 2);
  return std::max(shared - promised() - own, int64_t{0});
}

void MemoryCharge::Attach(MemoryBudget* budget) {
  const uint64_t bytes = bytes_;
  Set(0);
  budget_ = budget;
  Set(bytes);
}

void MemoryCharge::Set(uint64_t bytes) {
  if (bytes == bytes_) return;
  // Unsigned wrap-around makes the addition of a negative difference right.
  if (budget_ != nullptr) budget_->used_.fetch_add(bytes - bytes_, std::memory_order_relaxed);
  bytes_ = bytes;
}

}  // namespace hawser::tunnel
