// One direction of an emulated link: packets go through a bottleneck of some rate with a queue in
// front of it, and arrive after a delay; some are lost, some are overtaken.
//
// Pure: the caller brings the time. Whoever emulates a link asks `next_arrival()` how long to wait.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <random>
#include <span>
#include <vector>

namespace hawser::bench {

struct LinkOptions {
  std::chrono::nanoseconds delay{0};  // one way
  uint64_t bits_per_second = 0;       // 0: no bottleneck
  uint64_t queue_bytes = 1 << 20;     // that wait for the bottleneck; what comes on top is dropped
  double loss = 0;                    // share of packets, 0 to 1
  // This share of the packets arrives later by `lag`, so that others overtake them.
  double reorder = 0;
  std::chrono::nanoseconds lag{0};
  uint64_t seed = 1;
};

struct LinkCounters {
  uint64_t taken = 0;      // packets that will arrive
  uint64_t lost = 0;       // by chance
  uint64_t overflown = 0;  // dropped because the queue was full
};

class LinkQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit LinkQueue(const LinkOptions& options) : options_(options), random_(options.seed) {}

  // A packet enters the link at `now`, which never goes back.
  void Push(Time now, std::span<const uint8_t> packet);
  // When the next packet arrives; nothing while the link is empty.
  std::optional<Time> next_arrival() const;
  // Takes the next packet, if it has arrived by `now`; in the order of arrival.
  std::optional<std::vector<uint8_t>> Pop(Time now);

  const LinkCounters& counters() const { return counters_; }

 private:
  struct Packet {
    Time arrival;
    uint64_t number;  // of packets that arrive at the same time the first goes first
    std::vector<uint8_t> bytes;
    bool operator>(const Packet& other) const {
      return arrival != other.arrival ? arrival > other.arrival : number > other.number;
    }
  };

  bool Chance(double share);

  const LinkOptions options_;
  std::mt19937_64 random_;
  Time idle_at_{};  // when the bottleneck has sent everything that was taken
  std::priority_queue<Packet, std::vector<Packet>, std::greater<>> on_the_way_;
  LinkCounters counters_;
};

}  // namespace hawser::bench
