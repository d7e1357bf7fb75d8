// How many bytes of a peer a transport goes through before others of its loop have their turn: by
// the time that those before took. Bulk data is a memory copy, while as many bytes of small
// messages may be thousands of requests. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

#include "lib/base/scheduler.h"
#include "lib/base/slice.h"

namespace hawser::h2 {

class ReadPace {
 public:
  // Bytes.
  static constexpr size_t kLeast = 8 * 1024;
  static constexpr size_t kMost = 128 * 1024;
  // What one turn of the loop may take, and half of that for one batch.
  static constexpr base::Duration kTurn = base::Slice::kLength;

  // What to read next, bytes.
  size_t batch() const { return batch_; }

  // To read and go through `bytes`, at most batch() of them, took so long.
  void OnBatch(size_t bytes, base::Duration took) {
    if (took > kTurn / 2) {
      batch_ = std::max(batch_ / 2, kLeast);
    } else if (bytes == batch_ && took < kTurn / 8) {
      batch_ = std::min(batch_ * 2, kMost);
    }
  }

 private:
  size_t batch_ = kMost / 2;
};

}  // namespace hawser::h2
