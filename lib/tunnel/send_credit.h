// How much may still be sent to a peer on one connection, in bytes. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace hawser::tunnel {

class SendCredit {
 public:
  // Less than this is not worth a message, while more is certain to come: 16 KiB, or a quarter of a
  // small window.
  static constexpr int64_t Sliver(int64_t first) { return std::min(int64_t{16} * 1024, first / 4); }

  // For peers without windows: never used up.
  SendCredit() = default;
  // `first`: the window that the peer announced.
  explicit SendCredit(int64_t first) : first_(first), available_(first) {}

  // 0 or less: used up.
  int64_t available() const { return available_; }
  // Enough for a message.
  bool enough() const { return available_ >= std::max(Sliver(first_), int64_t{1}); }
  void Spend(size_t bytes) {
    if (!limited()) return;
    available_ -= static_cast<int64_t>(bytes);
    spent_ += static_cast<int64_t>(bytes);
  }
  // The peer allows `bytes` more. Returns how much of that is more than what was spent; nothing
  // when `bytes` is absurd.
  std::optional<int64_t> Add(int64_t bytes) {
    constexpr int64_t kMost = int64_t{1} << 40;
    if (bytes <= 0 || bytes > kMost || available_ > kMost - bytes) return std::nullopt;
    available_ += bytes;
    const int64_t returned = std::min(bytes, spent_);
    spent_ -= returned;
    return bytes - returned;
  }
  // What is available beyond the first window.
  int64_t surplus() const { return limited() ? std::max(available_ - first_, int64_t{0}) : 0; }
  // Gives the surplus up; returns how much that was.
  int64_t GiveUpSurplus() {
    const int64_t bytes = surplus();
    available_ -= bytes;
    return bytes;
  }

 private:
  bool limited() const { return first_ > 0; }

  int64_t first_ = 0;  // 0: no windows
  int64_t available_ = INT64_MAX;
  int64_t spent_ = 0;  // and not allowed again
};

}  // namespace hawser::tunnel
