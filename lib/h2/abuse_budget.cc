#include "lib/h2/abuse_budget.h"

#include <algorithm>
#include <chrono>

namespace hawser::h2 {

AbuseBudget::AbuseBudget(const Limits& limits, base::Time now)
    : limits_(limits), tokens_(limits.burst), refilled_(now) {}

bool AbuseBudget::Charge(double cost, base::Time now) {
  const std::chrono::duration<double> elapsed = now - refilled_;
  refilled_ = now;
  tokens_ = std::min(limits_.burst, tokens_ + elapsed.count() * limits_.per_second);
  if (tokens_ < cost) return false;
  tokens_ -= cost;
  return true;
}

void AbuseBudget::OnDataFrameSent() {
  tokens_ = std::min(limits_.burst, tokens_ + limits_.per_sent_data_frame);
}

}  // namespace hawser::h2
