// How much a peer may have on its way to one connection, in bytes. Pure.
//
// At any time each byte of the window is allowed (the peer may send it), held (the endpoint has it)
// or free (the endpoint has disposed of it, and the peer is to be told): allowed + held + free ==
// size. The window grows when the peer says that it lacks some while the endpoint keeps up, so that
// a long way is filled, and a slow reader costs no more than it did.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace hawser::tunnel {

class ReceiveWindow {
 public:
  // A window never shrinks below this many bytes.
  static constexpr int64_t kSmallest = 64 * 1024;
  // So many free bytes are worth a message, however large the window.
  static constexpr int64_t kLargestStep = 512 * 1024;

  explicit ReceiveWindow(int64_t size = 0) : size_(size), allowed_(size) {}

  int64_t size() const { return size_; }
  int64_t allowed() const { return allowed_; }
  int64_t held() const { return size_ - allowed_ - free_; }
  // More than half of it is held: the endpoint is what everybody waits for.
  bool full() const { return 2 * held() > size_; }

  // The peer sent `bytes`. False: more than it was allowed.
  bool Receive(size_t bytes) {
    allowed_ -= static_cast<int64_t>(bytes);
    used_ += static_cast<int64_t>(bytes);
    return allowed_ >= 0;
  }
  // The endpoint has disposed of `bytes`, at most held().
  void Dispose(size_t bytes) { free_ += std::min(static_cast<int64_t>(bytes), held()); }
  // The peer had more to send than it was allowed, when it said so: it may have been allowed more
  // since. Believed when it has used a whole window, up to a sliver that is not worth a message,
  // since the window last grew.
  void OnLack(int64_t sliver) { lacking_ = used_ > size_ - sliver; }
  // The peer gives `bytes` up that it is allowed; what is free goes with them, as far as the window
  // is larger than `first`. False: it is not allowed as much, or too little would be left.
  bool OnGivenUp(int64_t bytes, int64_t first);

  // Whether there is something to Grant() that is worth a message.
  bool due() const { return (free_ > 0 && free_ >= std::min(size_ / 4, kLargestStep)) || wanted(); }
  // Returns what the peer is to be allowed on top. The window may at most double, up to `most`
  // bytes; it halves, as far as bytes are free, when it is to `shrink`.
  int64_t Grant(int64_t most, bool shrink);

 private:
  bool wanted() const { return lacking_ && !full(); }

  int64_t size_;
  int64_t allowed_;
  int64_t free_ = 0;
  int64_t used_ = 0;      // received since the window grew
  bool lacking_ = false;  // the peer said so since the last grant
};

}  // namespace hawser::tunnel
