// An event loop on a thread of its own.
//
// Threads: Start(), Stop() and RunAndWait() on any other thread, one at a time.
#pragma once

#include <thread>

#include "lib/net/event_loop.h"

namespace hawser::net {

class LoopThread {
 public:
  LoopThread() = default;
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  ~LoopThread() { Stop(); }

  // Starts and ends the thread. What lives on the loop must be gone before Stop(). A thread with
  // some niceness (0 to 19) leaves the processors to others that want them.
  void Start(int niceness = 0);
  void Stop();

  EventLoop& loop() { return loop_; }
  // Runs `work` on the loop and waits for it; here, while the loop has no thread. Not from the
  // loop's thread.
  void RunAndWait(base::Closure work);

 private:
  EventLoop loop_;
  std::thread thread_;
};

}  // namespace hawser::net
