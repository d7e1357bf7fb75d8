#include "lib/tunnel/hold_ups.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace hawser::tunnel {
namespace {

constexpr base::Duration kLately = std::chrono::minutes(1);
constexpr base::Duration kPause = std::chrono::seconds(10);
constexpr size_t kGoesOn = 2, kMany = 4, kTooMany = 6;

// How many of them were within the last minute.
size_t Lately(const std::vector<base::Time>& times, base::Time now) {
  return static_cast<size_t>(
      std::ranges::count_if(times, [now](base::Time time) { return now - time < kLately; }));
}

}  // namespace

base::Duration HoldUps::Patience(const Owner& owner, base::Time opened, base::Duration limit,
                                 base::Time now) const {
  const auto found = times_.find(owner);
  if (found == times_.end()) return limit;
  const size_t count = Lately(found->second, now);
  const bool goes_on = count >= kGoesOn && opened > found->second.front();
  return goes_on || count >= kMany ? limit / 5 : limit;
}

bool HoldUps::Pauses(const Owner& owner, base::Time now) const {
  const auto found = times_.find(owner);
  return found != times_.end() && Lately(found->second, now) >= kTooMany &&
         now - found->second.front() < kPause;
}

void HoldUps::Note(const Owner& owner, base::Time now) {
  std::erase_if(times_, [now](const auto& other) { return Lately(other.second, now) == 0; });
  std::vector<base::Time>& times = times_[owner];
  times.insert(times.begin(), now);
  if (times.size() > kTooMany) times.pop_back();
}

}  // namespace hawser::tunnel
