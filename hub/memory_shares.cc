#include "hub/memory_shares.h"

#include <algorithm>

namespace hawser::hub {

using tunnel::MemoryBudget;

MemoryShares::MemoryShares(const Limits& limits)
    : total_(std::make_shared<MemoryBudget>(limits.total)), share_(ShareOf(limits)) {}

uint64_t MemoryShares::ShareOf(const Limits& limits) {
  return std::min(limits.per_identity, limits.total / 4);
}

uint64_t MemoryShares::CapOf(Whose whose) const {
  return whose == Whose::kLocal ? total_->cap() / 4 : share_;
}

std::shared_ptr<MemoryBudget> MemoryShares::Of(const std::string& identity, Whose whose) {
  const std::lock_guard lock(mutex_);
  Known& known = shares_[identity];
  if (auto share = known.share.lock()) return share;
  auto share = std::make_shared<MemoryBudget>(CapOf(whose), total_);
  known = {share, whose};
  if (shares_.size() >= forget_at_) ForgetUnused();
  return share;
}

void MemoryShares::ForgetUnused() {
  std::erase_if(shares_, [](const auto& entry) { return entry.second.share.expired(); });
  forget_at_ = std::max<size_t>(64, 2 * shares_.size());
}

void MemoryShares::Set(const Limits& limits) {
  const std::lock_guard lock(mutex_);
  total_->SetCap(limits.total);
  share_ = ShareOf(limits);
  for (const auto& [identity, known] : shares_)
    if (const auto share = known.share.lock()) share->SetCap(CapOf(known.whose));
}

uint64_t MemoryShares::share() const {
  const std::lock_guard lock(mutex_);
  return share_;
}

}  // namespace hawser::hub
