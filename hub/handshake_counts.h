// How the TLS handshakes of a port ended, or why there was none.
//
// Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hawser::hub {

enum class HandshakeResult {
  kDone,
  kFailed,
  kTimedOut,
  kDisplaced,  // by a newcomer, when there was no place
  kNoPlace,    // refused
  kFailures,   // refused, for what failed before
};
inline constexpr size_t kHandshakeResults = 6;
// "done", "failed", "timed_out", "displaced", "no_place", "failures".
const char* HandshakeResultName(HandshakeResult result);

class HandshakeCounts {
 public:
  void Begin() { ++unfinished_; }
  void End() { --unfinished_; }
  void Add(HandshakeResult result) { ++results_[static_cast<size_t>(result)]; }
  // Of one of the port's acceptors: how many places it has, and how many of them are a network's.
  void AddPlaces(size_t places) { places_ += places; }
  void ChangeShare(size_t from, size_t to) { share_ += to - from; }

  size_t unfinished() const { return unfinished_; }
  // How many there may be at a time: 0 without TLS.
  size_t places() const { return places_; }
  // See HandshakePlaces::share().
  size_t share() const { return share_; }
  uint64_t count(HandshakeResult result) const { return results_[static_cast<size_t>(result)]; }

 private:
  std::atomic<size_t> unfinished_{0}, places_{0}, share_{0};
  std::array<std::atomic<uint64_t>, kHandshakeResults> results_{};
};

}  // namespace hawser::hub
