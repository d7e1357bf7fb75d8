#include "lib/tunnel/hold_ups.h"

#include <algorithm>
#include <chrono>

namespace hawser::tunnel {
namespace {

constexpr base::Duration kLately = std::chrono::minutes(1);
// Of connections that went together: two rounds of Session's sweep, and some.
constexpr base::Duration kAtOnce = std::chrono::milliseconds(600);
// How many within a minute make somebody who goes on, who has many, and who does nothing else.
constexpr size_t kGoesOn = 2, kMany = 4, kTooMany = 6;

}  // namespace

// How many of them were within the last minute.
size_t HoldUps::Lately(const Times& times, base::Time now) {
  return static_cast<size_t>(
      std::ranges::count_if(times, [now](base::Time time) { return now - time < kLately; }));
}

base::Duration HoldUps::Patience(const Owner& owner, base::Time opened, base::Duration limit,
                                 base::Time now) const {
  const auto found = hold_ups_.find(owner);
  if (found == hold_ups_.end()) return limit;
  if (OneAtATime(owner, opened, now)) return limit / 50;
  const Times& times = found->second;
  const size_t count = Lately(times, now);
  const bool goes_on = count >= kGoesOn && opened > times[kGoesOn - 1];
  return goes_on || count >= kMany ? limit / 5 : limit;
}

bool HoldUps::OneAtATime(const Owner& owner, base::Time opened, base::Time now) const {
  const auto found = hold_ups_.find(owner);
  return found != hold_ups_.end() && Lately(found->second, now) >= kTooMany &&
         opened > found->second[kTooMany - 1];
}

void HoldUps::Note(const Owner& owner, base::Time now) {
  std::erase_if(hold_ups_, [now](const auto& other) { return Lately(other.second, now) == 0; });
  Times& times = hold_ups_[owner];
  if (times.empty() || now - times.front() >= kAtOnce) times.push_front(now);
  if (times.size() > kTooMany) times.pop_back();
}

}  // namespace hawser::tunnel
