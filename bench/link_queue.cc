#include "bench/link_queue.h"

#include <algorithm>
#include <utility>

namespace hawser::bench {

void LinkQueue::Push(Time now, std::span<const uint8_t> packet) {
  if (Chance(options_.loss)) {
    ++counters_.lost;
    return;
  }
  Time sent = now;
  if (options_.bits_per_second > 0) {
    const auto time_for = [this](double bytes) {
      const double seconds = bytes * 8 / static_cast<double>(options_.bits_per_second);
      return std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
    };
    const Time begin = std::max(now, idle_at_);
    if (begin - now > time_for(static_cast<double>(options_.queue_bytes))) {
      ++counters_.overflown;
      return;
    }
    sent = idle_at_ = begin + time_for(static_cast<double>(packet.size()));
  }
  const auto lag = Chance(options_.reorder) ? options_.lag : std::chrono::nanoseconds(0);
  on_the_way_.push(
      {sent + options_.delay + lag, counters_.taken++, {packet.begin(), packet.end()}});
}

std::optional<LinkQueue::Time> LinkQueue::next_arrival() const {
  if (on_the_way_.empty()) return std::nullopt;
  return on_the_way_.top().arrival;
}

std::optional<std::vector<uint8_t>> LinkQueue::Pop(Time now) {
  if (on_the_way_.empty() || on_the_way_.top().arrival > now) return std::nullopt;
  // The order does not look at the bytes that are moved out.
  std::vector<uint8_t> bytes = std::move(const_cast<Packet&>(on_the_way_.top()).bytes);
  on_the_way_.pop();
  return bytes;
}

bool LinkQueue::Chance(double share) {
  return share > 0 && std::uniform_real_distribution<>(0, 1)(random_) < share;
}

}  // namespace hawser::bench
