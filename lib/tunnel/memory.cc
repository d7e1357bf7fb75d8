#include "lib/tunnel/memory.h"

#include <algorithm>
#include <utility>

namespace hawser::tunnel {
namespace {

// Within Largest, a size takes this many bits of a word, and a round's number the rest.
constexpr int kSizeBits = 40;
constexpr uint64_t kSizeMask = (uint64_t{1} << kSizeBits) - 1;

uint64_t Pack(uint64_t round, uint64_t bytes) {
  return (round << kSizeBits) | std::min(bytes, kSizeMask);
}

}  // namespace

MemoryBudget::Pressure MemoryBudget::own_pressure() const {
  const uint64_t now = used();
  const uint64_t cap = this->cap();
  if (now >= cap) return Pressure::kFull;
  if (now > cap / 10 * 9) return Pressure::kRefuse;
  if (now > cap / 4 * 3) return Pressure::kShrink;
  if (now > cap / 2) return Pressure::kStopGrowing;
  return Pressure::kNone;
}

MemoryBudget::Pressure MemoryBudget::pressure() const {
  return total_ == nullptr ? own_pressure() : std::max(own_pressure(), total_->own_pressure());
}

std::optional<MemoryBudget::Scope> MemoryBudget::RefusesDial() {
  if (own_pressure() >= Pressure::kRefuse) {
    ++own_tally().refused_dials;
    return scope();
  }
  return total_ == nullptr ? std::nullopt : total_->RefusesDial();
}

bool MemoryBudget::ShedsStalled(uint64_t bytes, base::Time now) {
  if (own_pressure() >= Pressure::kRefuse && largest_.Names(bytes, now)) {
    ++own_tally().reset_queues;
    return true;
  }
  return total_ != nullptr && total_->ShedsStalled(bytes, now);
}

bool MemoryBudget::ShedsGrowing() {
  if (used() > cap() / 4 * 5) {
    ++own_tally().reset_queues;
    return true;
  }
  // Whoever has little is not why the total is used up.
  return total_ != nullptr && used() > cap() / 4 && total_->ShedsGrowing();
}

bool MemoryBudget::ShedsBurst() {
  if (used() <= cap() / 2 * 3) return false;
  ++own_tally().reset_queues;
  return true;
}

uint64_t MemoryBudget::Spare() const {
  const uint64_t half = cap() / 2;
  const uint64_t spare = half - std::min(used(), half);
  return total_ == nullptr ? spare : std::min(spare, total_->Spare());
}

MemoryBudget::Tally MemoryBudget::tally(Scope scope) const {
  const AtomicTally& tally = tallies_[static_cast<size_t>(scope)];
  return {tally.refused_dials.load(std::memory_order_relaxed),
          tally.reset_queues.load(std::memory_order_relaxed)};
}

MemoryBudget::AtomicTally& MemoryBudget::own_tally() {
  MemoryBudget& counts = total_ == nullptr ? *this : *total_;
  return counts.tallies_[static_cast<size_t>(scope())];
}

bool MemoryBudget::Largest::Names(uint64_t bytes, base::Time now) {
  const auto round =
      static_cast<uint64_t>(now.time_since_epoch() / kStallRound) & (UINT64_MAX >> kSizeBits);
  std::atomic<uint64_t>& current = rounds_[round % 2];
  const uint64_t named = Pack(round, bytes);
  uint64_t seen = current.load(std::memory_order_relaxed);
  // What is left of an older round is no longer of interest, however large.
  while ((seen >> kSizeBits != round || seen < named) &&
         !current.compare_exchange_weak(seen, named, std::memory_order_relaxed)) {
  }
  const uint64_t before = rounds_[1 - round % 2].load(std::memory_order_relaxed);
  const uint64_t largest = before & kSizeMask;
  return before >> kSizeBits == round - 1 && largest > 0 && 2 * bytes >= largest;
}

int64_t MemoryBudget::Promisable(int64_t own) const {
  const int64_t left = static_cast<int64_t>(cap() / 2) - promised();
  if (total_ == nullptr) return std::max(left - own, int64_t{0});
  return std::max(std::min(left, total_->Promisable(promised())), int64_t{0});
}

void MemoryBudget::Promise(int64_t bytes) {
  for (MemoryBudget* budget = this; budget != nullptr; budget = budget->total_.get())
    budget->promised_.fetch_add(bytes, std::memory_order_relaxed);
}

void MemoryCharge::Attach(std::shared_ptr<MemoryBudget> budget) {
  const uint64_t bytes = bytes_;
  Set(0);
  budget_ = std::move(budget);
  Set(bytes);
}

void MemoryCharge::Set(uint64_t bytes) {
  if (bytes == bytes_) return;
  // Unsigned wrap-around makes the addition of a negative difference right.
  for (MemoryBudget* budget = budget_.get(); budget != nullptr; budget = budget->total_.get())
    budget->used_.fetch_add(bytes - bytes_, std::memory_order_relaxed);
  bytes_ = bytes;
}

}  // namespace hawser::tunnel
