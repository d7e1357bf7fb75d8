// How many bytes may wait for a link, by the rate at which it takes them: whatever is written next
// waits behind those. Pure.
//
// Five milliseconds' worth keep the kernel busy from one turn of the loop to the next: with two, a
// link of 200 Mbit/s ran dry for a tenth of the time. A fixed quarter of a megabyte would be 10 ms
// there for every keystroke.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace hawser::net {

class WritePace {
 public:
  static constexpr size_t kLeast = 32 * 1024;
  static constexpr size_t kMost = 512 * 1024;

  // What the kernel may hold that it has not sent, bytes (TCP_NOTSENT_LOWAT). The kernel asks for
  // more at half of it.
  size_t low_water() const { return low_water_; }
  // What one write should carry, bytes: as much as there is room for when the kernel asks.
  size_t batch() const { return low_water_ / 2; }

  // The link takes `bytes_per_second`, or more when it `ran_dry` meanwhile. Returns whether
  // low_water() has changed: small changes are not worth a system call.
  bool OnRate(uint64_t bytes_per_second, bool ran_dry) {
    const size_t wanted = std::clamp<uint64_t>(bytes_per_second / 200, kLeast, kMost);
    if (ran_dry && wanted < low_water_) return false;
    const size_t change = std::max(wanted, low_water_) - std::min(wanted, low_water_);
    if (change <= low_water_ / 4) return false;
    low_water_ = wanted;
    return true;
  }

 private:
  size_t low_water_ = kMost / 2;
};

}  // namespace hawser::net
