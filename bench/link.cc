// Emulates a long link between two network namespaces: the one it is started in (near, 10.77.0.1)
// and a new one (far, 10.77.0.2), by a TUN device in each. Needs CAP_NET_ADMIN, which a user
// namespace of one's own gives:
//
//   $ unshare --user --map-root-user --net bash
//   # bazel-bin/bench/link --delay-ms 25 --mbit 200 --queue-bytes 1000000 &
//   far namespace: 4711
//   # nsenter --net=/proc/4711/ns/net python3 -m http.server &
//   # curl http://10.77.0.2:8000/
//
// Works until it is killed. bench/long_link.py does this for scripts.

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <iostream>
#include <optional>
#include <system_error>

#include "bench/link_queue.h"
#include "bench/tun.h"

namespace hawser::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kNear = "10.77.0.1";
constexpr const char* kFar = "10.77.0.2";
// Packets that are read before those that have arrived meanwhile are written.
constexpr int kReadTurn = 64;

struct Options {
  double delay_ms = 0;
  double lag_ms = 1;
  double mbit = 0;
  LinkOptions link;
  int mtu = 1500;
  bool large_segments = false;
  bool with_parent = false;
};

// Moves packets from one device through one direction of the link to the other device.
struct Direction {
  Tun& from;
  Tun& to;
  LinkQueue queue;

  // Returns whether there may be more to read.
  bool Move() {
    int read = 0;
    for (; read < kReadTurn; ++read) {
      const auto packet = from.Read();
      if (!packet) break;
      queue.Push(Clock::now(), *packet);
    }
    const auto now = Clock::now();
    while (const auto packet = queue.Pop(now)) to.Write(*packet);
    return read == kReadTurn;
  }
};

[[noreturn]] void Run(Direction& there, Direction& back) {
  while (true) {
    const bool more_there = there.Move();
    const bool more_back = back.Move();
    if (more_there || more_back) continue;
    std::optional<Clock::time_point> next = there.queue.next_arrival();
    if (const auto other = back.queue.next_arrival(); other && (!next || *other < *next))
      next = other;
    std::array<pollfd, 2> devices = {
        pollfd{there.from.fd(), POLLIN, 0},
        pollfd{back.from.fd(), POLLIN, 0},
    };
    timespec wait{};
    if (next) {
      const auto left = std::max<std::chrono::nanoseconds>(*next - Clock::now(), {});
      wait.tv_sec = left.count() / 1'000'000'000;
      wait.tv_nsec = left.count() % 1'000'000'000;
    }
    ppoll(devices.data(), devices.size(), next ? &wait : nullptr, nullptr);
  }
}

[[noreturn]] void Emulate(const Options& options) {
  if (options.with_parent) prctl(PR_SET_PDEATHSIG, SIGKILL);
  Tun near({.name = "far",
            .address = kNear,
            .peer = kFar,
            .mtu = options.mtu,
            .large_segments = options.large_segments});
  RaiseLoopback();
  if (unshare(CLONE_NEWNET) != 0)
    throw std::system_error(errno, std::generic_category(), "make a network namespace");
  Tun far({.name = "near",
           .address = kFar,
           .peer = kNear,
           .mtu = options.mtu,
           .large_segments = options.large_segments});
  RaiseLoopback();
  LinkOptions link = options.link;
  Direction there{near, far, LinkQueue(link)};
  link.seed += 1;  // no loss here because of one there
  Direction back{far, near, LinkQueue(link)};
  std::cout << "far namespace: " << getpid() << std::endl;
  Run(there, back);
}

void AddOptions(CLI::App& app, Options& options) {
  LinkOptions& link = options.link;
  app.add_option("--delay-ms", options.delay_ms, "one way; a round trip takes twice that");
  app.add_option("--mbit", options.mbit, "rate each way, Mbit/s; 0: no limit");
  app.add_option("--queue-bytes", link.queue_bytes, "that wait for the rate; more is dropped");
  app.add_option("--loss", link.loss, "share of packets that are lost, each way")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--reorder", link.reorder, "share of packets that arrive later by the lag")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--lag-ms", options.lag_ms, "how much later");
  app.add_option("--seed", link.seed, "of the chances");
  app.add_option("--mtu", options.mtu, "largest packet");
  app.add_flag("--large-segments", options.large_segments,
               "TCP passes in pieces of up to 64 KiB: for high rates without loss");
  app.add_flag("--with-parent", options.with_parent, "ends when the parent process does");
}

}  // namespace
}  // namespace hawser::bench

int main(int argc, char** argv) {
  hawser::bench::Options options;
  CLI::App app("Emulates a long link between this network namespace and a new one");
  hawser::bench::AddOptions(app, options);
  CLI11_PARSE(app, argc, argv);
  const auto milliseconds = [](double value) {
    return std::chrono::nanoseconds(static_cast<int64_t>(value * 1e6));
  };
  options.link.delay = milliseconds(options.delay_ms);
  options.link.lag = milliseconds(options.lag_ms);
  options.link.bits_per_second = static_cast<uint64_t>(options.mbit * 1e6);
  try {
    hawser::bench::Emulate(options);
  } catch (const std::exception& error) {
    std::cerr << "link: " << error.what() << "\n";
    return 1;
  }
}
