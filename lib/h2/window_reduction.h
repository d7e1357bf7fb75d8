// What the window of a stream shrank by, in bytes. HTTP/2 takes nothing back that a peer was
// allowed: so of what arrives that much is kept, and not returned to it. nghttp2 knows nothing of
// this, since it loses count of bytes that are withheld while a window of its own shrinks. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

namespace hawser::h2 {

class WindowReduction {
 public:
  size_t size() const { return to_keep_ + kept_; }
  size_t kept() const { return kept_; }

  void Shrink(size_t bytes) { to_keep_ += bytes; }
  // `bytes` that arrived may be returned. Returns how many of them are.
  size_t Return(size_t bytes) {
    const size_t more = std::min(bytes, to_keep_);
    to_keep_ -= more;
    kept_ += more;
    return bytes - more;
  }
  struct Growth {
    size_t released;  // to be returned now
    size_t beyond;    // what the window grows by beyond its largest size so far
  };
  Growth Grow(size_t bytes) {
    const size_t forgiven = std::min(bytes, to_keep_);
    to_keep_ -= forgiven;
    const size_t released = std::min(bytes - forgiven, kept_);
    kept_ -= released;
    return {released, bytes - forgiven - released};
  }

 private:
  size_t to_keep_ = 0;
  size_t kept_ = 0;
};

}  // namespace hawser::h2
