// A piece of work that is cut into turns: when it is over, the rest waits for the next turn, so
// that nobody else on the loop waits for all of it. It is the processor that is shared, so its
// clock is the real one, whatever the scheduler's is.
#pragma once

#include <chrono>

#include "lib/base/scheduler.h"

namespace hawser::base {

class Slice {
 public:
  static constexpr Duration kLength = std::chrono::milliseconds(1);

  bool over() const { return Clock::now() >= end_; }

 private:
  const Time end_ = Clock::now() + kLength;
};

}  // namespace hawser::base
