#include "lib/net/process_signals.h"

#include <gtest/gtest.h>

#include <csignal>

namespace hawser::net {
namespace {

TEST(ProcessSignalsTest, CallForEachSignalAgainAndAgain) {
  EventLoop loop;
  std::string calls;
  ProcessSignals signals(
      loop, [&] { calls += "stop "; },
      [&] {
        calls += "reload ";
        std::raise(calls.size() < 20 ? SIGHUP : SIGTERM);
      });
  signals.Handle();
  loop.Post([] { std::raise(SIGHUP); });
  while (calls.find("stop") == std::string::npos) loop.io().run_one();
  EXPECT_EQ(calls, "reload reload reload stop ");
}

}  // namespace
}  // namespace hawser::net
