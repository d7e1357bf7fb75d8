// The target of benchmarks and of the demo: a server that sends, takes or echoes bytes as fast as
// it can (target_connection.h). Prints "listening on ADDRESS:PORT" and serves until it is killed.

#include <sys/epoll.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "bench/sockets.h"
#include "bench/target_connection.h"

namespace hawser::bench {
namespace {

// One thread's share: its own listening socket and the connections it accepted.
class Worker {
 public:
  Worker(Fd listener, TargetStats& stats)
      : listener_(std::move(listener)), epoll_(epoll_create1(EPOLL_CLOEXEC)), stats_(stats) {
    Watch(EPOLL_CTL_ADD, listener_.get(), EPOLLIN);
  }

  // Serves until the process ends.
  [[noreturn]] void Run() {
    std::array<epoll_event, 64> events{};
    while (true) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == listener_.get()) {
          Accept();
        } else {
          Advance(events[i].data.fd);
        }
      }
    }
  }

 private:
  struct Entry {
    TargetConnection connection;
    bool sending;  // what epoll was last told
  };

  void Watch(int operation, int fd, uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.fd = fd;
    epoll_ctl(epoll_.get(), operation, fd, &event);
  }

  void Accept() {
    while (true) {
      Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.get() < 0) return;
      const int key = fd.get();
      entries_.emplace(key, Entry{TargetConnection(std::move(fd), stats_), false});
      Watch(EPOLL_CTL_ADD, key, EPOLLIN);
    }
  }

  void Advance(int fd) {
    Entry& entry = entries_.at(fd);
    bool alive = false;
    try {
      alive = entry.connection.Advance();
    } catch (const std::exception& error) {
      std::cerr << "dropping a connection: " << error.what() << "\n";
    }
    if (!alive) {
      entries_.erase(fd);
      return;
    }
    const bool sending = entry.connection.wants_to_send();
    if (sending == entry.sending) return;
    entry.sending = sending;
    Watch(EPOLL_CTL_MOD, fd, sending ? EPOLLOUT : EPOLLIN);
  }

  Fd listener_;
  Fd epoll_;
  TargetStats& stats_;
  std::unordered_map<int, Entry> entries_;
};

void Serve(const std::string& address, uint16_t port, int threads) {
  RaiseDescriptorLimit();
  TargetStats stats;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < threads; ++i) {
    Fd listener = ListenTcp(address, port, /*shared=*/true);
    port = BoundPort(listener);
    workers.push_back(std::make_unique<Worker>(std::move(listener), stats));
  }
  std::cout << "listening on " << address << ":" << port << std::endl;
  std::vector<std::jthread> running;
  for (auto& worker : workers) running.emplace_back([&worker] { worker->Run(); });
}

}  // namespace
}  // namespace hawser::bench

int main(int argc, char** argv) {
  std::string address = "127.0.0.1";
  uint16_t port = 0;
  int threads = 2;
  CLI::App app("A server that sends, takes or echoes bytes as fast as it can");
  app.add_option("--address", address, "IPv4 address to listen on");
  app.add_option("--port", port, "port to listen on, 0 for a free one");
  app.add_option("--threads", threads, "event loops");
  CLI11_PARSE(app, argc, argv);
  try {
    hawser::bench::Serve(address, port, threads);
  } catch (const std::exception& error) {
    std::cerr << "target: " << error.what() << "\n";
    return 1;
  }
}
