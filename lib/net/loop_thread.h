// An event loop with a thread of its own, for what must go on while other loops are busy.
//
//   LoopThread pages;
//   auto port = PagePort::Listen(pages.loop(), address);  // before Start()
//   pages.Start();
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

  EventLoop& loop() { return loop_; }
  void Start() {
    thread_ = std::thread([this] { loop_.Run(); });
  }
  // What lives on the loop may be destroyed afterwards, on any thread.
  void Stop() {
    if (!thread_.joinable()) return;
    loop_.Stop();
    thread_.join();
  }

 private:
  EventLoop loop_;
  std::thread thread_;
};

}  // namespace hawser::net
