#include "lib/tunnel/hold_ups.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace hawser::tunnel {
namespace {

constexpr base::Duration kLately = std::chrono::minutes(1);
constexpr base::Duration kPause = std::chrono::seconds(10);
// Of connections that went together.
constexpr base::Duration kAtOnce = std::chrono::milliseconds(600);
constexpr size_t kGoesOn = 2, kMany = 4, kTooMany = 6;

}  // namespace

// How many of them were within the last minute.
size_t HoldUps::Lately(const std::deque<HoldUp>& hold_ups, base::Time now) {
  return static_cast<size_t>(std::ranges::count_if(
      hold_ups, [now](const HoldUp& hold_up) { return now - hold_up.time < kLately; }));
}

base::Duration HoldUps::Patience(const Owner& owner, base::Time opened, base::Duration limit,
                                 base::Time now) const {
  const auto found = hold_ups_.find(owner);
  if (found == hold_ups_.end()) return limit;
  const size_t count = Lately(found->second, now);
  const bool goes_on = count >= kGoesOn && opened > found->second.front().time;
  return goes_on || count >= kMany ? limit / 5 : limit;
}

bool HoldUps::Pauses(const Owner& owner, const std::string& target, base::Time now) const {
  const auto found = hold_ups_.find(owner);
  if (found == hold_ups_.end() || Lately(found->second, now) < kTooMany ||
      now - found->second.front().time >= kPause)
    return false;
  return std::ranges::any_of(
      found->second, [&](const HoldUp& hold_up) { return hold_up.targets.contains(target); });
}

void HoldUps::Note(const Owner& owner, const std::string& target, base::Time now) {
  std::erase_if(hold_ups_, [now](const auto& other) { return Lately(other.second, now) == 0; });
  std::deque<HoldUp>& hold_ups = hold_ups_[owner];
  if (hold_ups.empty() || now - hold_ups.front().time >= kAtOnce) hold_ups.push_front({now, {}});
  hold_ups.front().targets.insert(target);
  if (hold_ups.size() > kTooMany) hold_ups.pop_back();
}

}  // namespace hawser::tunnel
