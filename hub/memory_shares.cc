#include "hub/memory_shares.h"

#include <algorithm>

namespace hawser::hub {

using tunnel::MemoryBudget;

MemoryShares::MemoryShares(const Limits& limits)
    : total_(std::make_shared<MemoryBudget>(limits.total)), share_(ShareOf(limits)) {}

uint64_t MemoryShares::ShareOf(const Limits& limits) {
  return std::min(limits.per_identity, limits.total / 4);
}

std::shared_ptr<MemoryBudget> MemoryShares::Of(const std::string& identity) {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<MemoryBudget>& known = shares_[identity];
  if (auto share = known.lock()) return share;
  auto share = std::make_shared<MemoryBudget>(share_, total_);
  known = share;
  if (shares_.size() >= forget_at_) ForgetUnused();
  return share;
}

void MemoryShares::ForgetUnused() {
  std::erase_if(shares_, [](const auto& entry) { return entry.second.expired(); });
  forget_at_ = std::max<size_t>(64, 2 * shares_.size());
}

void MemoryShares::Set(const Limits& limits) {
  const std::lock_guard lock(mutex_);
  total_->SetCap(limits.total);
  share_ = ShareOf(limits);
  for (const auto& [identity, known] : shares_)
    if (const auto share = known.lock()) share->SetCap(share_);
}

uint64_t MemoryShares::share() const {
  const std::lock_guard lock(mutex_);
  return share_;
}

}  // namespace hawser::hub
