#include "lib/base/log_limit.h"

#include <algorithm>
#include <utility>

namespace hawser::base {

std::optional<LogLimit::Admitted> LogLimit::Admit(Time now) {
  const std::lock_guard lock(mutex_);
  // Loops read their clocks at different times: `now` may be earlier than before.
  if (now > refilled_at_) {
    const auto passed = static_cast<uint64_t>((now - refilled_at_) / options_.interval);
    const uint64_t missing = options_.burst - lines_;
    lines_ += std::min(passed, missing);
    refilled_at_ += passed * options_.interval;
  }
  // With all lines to spare, no time counts towards more.
  if (lines_ == options_.burst) refilled_at_ = now;
  if (lines_ == 0) {
    ++left_out_;
    return std::nullopt;
  }
  --lines_;
  return Admitted{std::exchange(left_out_, 0)};
}

std::ostream& operator<<(std::ostream& out, const LogLimit::Admitted& admitted) {
  if (admitted.left_out > 0) out << " (" << admitted.left_out << " lines like this were left out)";
  return out;
}

}  // namespace hawser::base
