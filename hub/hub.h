// A hub process: ports, shards and what watches them.
//
//   auto hub = Hub::Create(options);
//   (*hub)->Run();       // until Stop()
//
// The main thread runs a loop of its own for the admin port and for stopping; it may wait for the
// shards, which never wait for it. The health port has a thread that waits for nobody.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "hub/agent_port.h"
#include "hub/certificates.h"
#include "hub/config_watch.h"
#include "hub/connect_front.h"
#include "hub/connection_limits.h"
#include "hub/control_lists.h"
#include "hub/control_state.h"
#include "hub/credentials.h"
#include "hub/grpc_front.h"
#include "hub/lease_collector.h"
#include "hub/memory_shares.h"
#include "hub/options.h"
#include "hub/server_lease.h"
#include "hub/session_registry.h"
#include "hub/shard.h"
#include "hub/snapshot.h"
#include "hub/token_file.h"
#include "lib/base/heap_trim.h"
#include "lib/control/server.h"
#include "lib/kube/client.h"
#include "lib/net/event_loop.h"
#include "lib/net/http1_server.h"
#include "lib/net/loop_thread.h"
#include "lib/net/page_port.h"
#include "lib/net/process_signals.h"

namespace hawser::hub {

class Hub {
 public:
  // Loads certificates and binds every port. Errors name the file or address.
  static absl::StatusOr<std::unique_ptr<Hub>> Create(const Options& options);
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;
  ~Hub();

  struct Served {
    std::string what;  // "agents", "grpc", "http-connect", "health", "admin", "debug", "control"
    std::string address;
  };
  const std::vector<Served>& served() const { return served_; }

  // Serves on the calling thread and on the shards' until it was stopped.
  void Run();
  // First call: takes nothing new and lets open connections end, up to the deadline. Second call:
  // ends at once. Any thread.
  void Stop();
  // Reads certificates, tokens, grants, limits and what is denied again. Every 2 s that happens by
  // itself where their files have changed or could not be read. Any thread.
  void Reload();
  // SIGTERM and SIGINT call Stop(), SIGHUP calls Reload().
  void HandleSignals();

 private:
  explicit Hub(const Options& options);

  absl::StatusOr<kube::Config> LoadKubeConfig(const char* purpose) const;
  kube::Client::Options KubeOptions() const;
  absl::Status CreateTokens();
  absl::Status CreateLeaseClient();
  absl::Status CreateAgentPort();
  absl::Status CreateFrontEnds();
  absl::Status Listen();
  absl::Status CreatePages();
  void HandleOnMainLoop(net::PagePort& port, const char* path,
                        std::function<net::Http1Server::Response()> page);
  absl::Status CreateControl();
  tunnel::SessionOptions SessionOptions();
  absl::StatusOr<std::shared_ptr<const TlsSlot>> LoadTls(Port port, const net::TlsFiles& files);
  void PublishLease();
  void WatchFiles();
  void WatchCredentials();
  void RefreshFiles(bool asked);
  absl::Status RefreshConfig(bool asked);
  // About what agents, clients and their bytes make the process hold, bytes.
  uint64_t HeldMemory() const;
  void Drain();
  // Once no client is connected any more.
  void FinishInOrder();
  void Finish();
  void Shutdown();

  net::Http1Server::Response Ready(const std::string& query) const;
  net::Http1Server::Response Metrics() const;

  const Options options_;
  net::EventLoop loop_;  // the main thread's
  // Outlive the shards, whose loops may still hold sockets on their way.
  MemoryShares memory_;             // for what is queued
  MemoryShares connection_memory_;  // for clients' connections themselves
  SessionRegistry registry_;
  ConnectionLimits limits_;
  Credentials credentials_;
  Shards shards_;
  HandshakeThreads handshake_threads_;
  ControlState control_state_;
  ControlLists control_lists_;
  std::unique_ptr<TokenAuthenticator> tokens_;  // null: agents need none
  TokenFile* token_file_ = nullptr;             // is tokens_, where they are in a file
  std::unique_ptr<AgentPort> agents_;
  std::unique_ptr<GrpcFront> grpc_;
  std::unique_ptr<ConnectFront> http_connect_;
  net::LoopThread pages_thread_;
  std::unique_ptr<net::PagePort> health_;  // on the health thread
  std::unique_ptr<net::PagePort> admin_;
  std::unique_ptr<net::PagePort> debug_;  // null: there is none
  std::unique_ptr<control::Server> control_;
  // Not the one of tokens: leases do not wait behind reviews. Null: there are none.
  std::unique_ptr<kube::Client> lease_client_;
  std::vector<Served> served_;

  // On the main thread:
  net::ProcessSignals signals_;
  Certificates certificates_;
  std::unique_ptr<ServerLease> lease_;  // while it serves
  std::unique_ptr<LeaseCollector> lease_collector_;
  ConfigWatch config_;
  base::Timer watch_;
  base::HeapTrim heap_;
  base::Timer sweep_;
  base::Timer drain_deadline_;
  base::Timer look_for_closes_;
  std::atomic<bool> draining_{false};
};

}  // namespace hawser::hub
