// The signals of a daemon as calls on its loop: SIGTERM and SIGINT stop it, SIGHUP reloads.
//
// Threads: the loop's.
#pragma once

#include <asio/signal_set.hpp>
#include <functional>

#include "lib/net/event_loop.h"

namespace hawser::net {

class ProcessSignals {
 public:
  // Does nothing yet. The callbacks run as often as their signals come, not after destruction.
  ProcessSignals(EventLoop& loop, std::function<void()> stop, std::function<void()> reload);

  // From now on the signals no longer end the process.
  void Handle();

 private:
  void Await();

  asio::signal_set signals_;
  const std::function<void()> stop_;
  const std::function<void()> reload_;
};

}  // namespace hawser::net
