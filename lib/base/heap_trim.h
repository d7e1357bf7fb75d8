// Gives memory back to the system after much of it was in use: malloc keeps what was freed, and
// after an attack that may be most of the process.
//
// Trimming 64 MiB takes some 13 ms, 1 GiB 180 ms, on a thread of its own for as long; others that
// allocate meanwhile wait for up to 16 ms of that once. So it is for a fall that is worth it.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <thread>

namespace hawser::base {

class HeapTrim {
 public:
  HeapTrim() = default;
  HeapTrim(const HeapTrim&) = delete;
  HeapTrim& operator=(const HeapTrim&) = delete;
  ~HeapTrim();

  // `held`: roughly what load makes the process hold now, bytes. Trims when that fell to half of
  // its peak since the last time, by 8 MiB at least, and falls no further; returns whether it did.
  bool Observe(uint64_t held);

 private:
  uint64_t peak_ = 0;
  uint64_t last_ = 0;
  std::thread trimming_;  // the last one, if any
};

}  // namespace hawser::base
