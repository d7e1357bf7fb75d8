#include "lib/net/process_signals.h"

#include <csignal>
#include <utility>

namespace hawser::net {

ProcessSignals::ProcessSignals(EventLoop& loop, std::function<void()> stop,
                               std::function<void()> reload)
    : signals_(loop.io()), stop_(std::move(stop)), reload_(std::move(reload)) {}

void ProcessSignals::Handle() {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals_.add(signal);
  Await();
}

void ProcessSignals::Await() {
  signals_.async_wait([this](asio::error_code error, int signal) {
    if (error) return;
    (signal == SIGHUP ? reload_ : stop_)();
    Await();
  });
}

}  // namespace hawser::net
