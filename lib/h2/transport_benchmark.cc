// What a transport costs: bytes through one call between two loops, and memory per idle connection.
//
//   bazel run --config=release //lib/h2:transport_benchmark
#include <benchmark/benchmark.h>
#include <glog/logging.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "lib/h2/transport.h"
#include "lib/net/dialer.h"
#include "lib/net/listener.h"
#include "lib/net/socket.h"
#include "lib/net/tls_context.h"
#include "lib/net/tls_handshake.h"
#include "lib/testing/test_certificates.h"

namespace hawser::h2 {
namespace {

constexpr auto kDeadline = std::chrono::seconds(10);

double CpuSeconds() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t total = 0;
  size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

// Sends without end, or counts what arrives.
class Pipe : public net::StreamHandler {
 public:
  Pipe(bool sends, std::atomic<uint64_t>& received) : sends_(sends), received_(received) {}
  void OnOpen(net::MessageStream& stream, const net::Metadata&) override {
    stream.SendHeaders({});
    stream.Wake();
  }
  void OnHeaders(const net::Metadata&) override {}
  void Produce(net::MessageBatch& batch) override {
    if (!sends_) return;
    const size_t size = batch.PayloadSpace(1).size();
    constexpr uint8_t kHeader[] = {0};
    batch.CommitPayload(1, kHeader, size);
  }
  absl::Status OnMessageStart(size_t) override { return absl::OkStatus(); }
  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override {
    received_.fetch_add(bytes.size(), std::memory_order_relaxed);
    return absl::OkStatus();
  }
  void OnRemoteEnd(const absl::Status&) override {}
  void OnClosed(const absl::Status&) override {}

 private:
  const bool sends_;
  std::atomic<uint64_t>& received_;
};

// Pairs of transports over loopback TCP, each side on a loop and thread of its own.
class Bench {
 public:
  explicit Bench(bool tls) : tls_(tls) {
    server_context_ = *net::TlsContext::Server({.files = certificates_.HubAgentPort()});
    client_context_ = *net::TlsContext::Client({.files = certificates_.Agent("paris")});
    listener_ = *net::Listener::Tcp(server_loop_, {asio::ip::address_v4::loopback(), 0});
    listener_->Start([this](int fd) {
      if (!tls_) return Serve(net::MakePlainSocket(server_loop_, fd));
      net::TlsAccept(server_loop_, fd, server_context_, kDeadline,
                     [this](auto socket) { Serve(*std::move(socket)); });
    });
    server_thread_ = std::thread([this] { server_loop_.Run(); });
    client_thread_ = std::thread([this] { client_loop_.Run(); });
  }
  ~Bench() {
    client_loop_.Stop();
    client_thread_.join();
    clients_.clear();
    server_loop_.Stop();
    server_thread_.join();
    servers_.clear();
    listener_.reset();
  }

  // Connects one more pair with one call on it, and waits for it.
  void Connect(bool sends) {
    std::promise<void> connected;
    client_loop_.Post([&] {
      attempt_ = net::Connect(
          client_loop_, {{asio::ip::address_v4::loopback(), listener_->port()}}, kDeadline,
          [&](absl::StatusOr<int> fd) {
            const auto start = [&, sends](std::unique_ptr<net::Socket> socket) {
              clients_.push_back(
                  Transport::Client(std::move(socket), {}, [](const absl::Status&) {}));
              CHECK(clients_.back()
                        ->OpenStream("/x/Y", "hub", {}, std::make_unique<Pipe>(sends, received))
                        .ok());
              connected.set_value();
            };
            if (!tls_) return start(net::MakePlainSocket(client_loop_, *fd));
            net::TlsConnect(client_loop_, *fd, client_context_, "localhost", kDeadline,
                            [start](auto socket) { start(*std::move(socket)); });
          });
    });
    connected.get_future().wait();
  }

  std::atomic<uint64_t> received = 0;

 private:
  void Serve(std::unique_ptr<net::Socket> socket) {
    servers_.push_back(Transport::Server(
        std::move(socket), {},
        [this](const std::string&, const net::Metadata&) {
          return std::make_unique<Pipe>(false, received);
        },
        [](const absl::Status&) {}));
  }

  const bool tls_;
  testing::TestCertificates certificates_;
  std::shared_ptr<net::TlsContext> server_context_;
  std::shared_ptr<net::TlsContext> client_context_;
  net::EventLoop server_loop_;
  net::EventLoop client_loop_;
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<net::ConnectAttempt> attempt_;
  std::vector<std::unique_ptr<Transport>> servers_;
  std::vector<std::unique_ptr<Transport>> clients_;
  std::thread server_thread_;
  std::thread client_thread_;
};

// Argument: 0 plain, 1 TLS.
void Throughput(benchmark::State& state) {
  Bench bench(state.range(0) == 1);
  bench.Connect(/*sends=*/true);
  constexpr uint64_t kStep = 256 << 20;
  const double cpu = CpuSeconds();
  uint64_t goal = 0;
  for (auto _ : state) {
    goal += kStep;
    for (uint64_t seen; (seen = bench.received.load()) < goal;)
      std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  state.SetBytesProcessed(static_cast<int64_t>(goal));
  state.counters["cpu_s_per_GiB"] = (CpuSeconds() - cpu) * (1 << 30) / static_cast<double>(goal);
}
BENCHMARK(Throughput)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

// Of both ends together, per connection. Run it alone: what others freed hides what it takes.
void IdleMemory(benchmark::State& state) {
  constexpr int kConnections = 500;
  for (auto _ : state) {
    Bench bench(state.range(0) == 1);
    bench.Connect(false);
    const size_t heap = mallinfo2().uordblks;
    const size_t resident = ResidentBytes();
    for (int i = 0; i < kConnections; ++i) bench.Connect(false);
    state.counters["heap_per_pair"] =
        static_cast<double>(mallinfo2().uordblks - heap) / kConnections;
    state.counters["resident_per_pair"] =
        static_cast<double>(ResidentBytes() - resident) / kConnections;
  }
}
BENCHMARK(IdleMemory)->Arg(0)->Arg(1)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hawser::h2

BENCHMARK_MAIN();
