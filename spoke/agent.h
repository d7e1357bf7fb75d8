// An agent process: links to servers, and what watches them.
//
//   auto agent = Agent::Create(options);
//   (*agent)->HandleSignals();
//   (*agent)->Run();   // until Stop()
//
// One loop does everything: a link's session lives on one loop anyway, and an agent has few links.
//
// Threads: Stop() and Reload() from any; all else on the thread that calls Run(), before it does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/file_watch.h"
#include "lib/base/heap_trim.h"
#include "lib/base/scheduler.h"
#include "lib/net/event_loop.h"
#include "lib/net/loop_thread.h"
#include "lib/net/page_port.h"
#include "lib/net/process_signals.h"
#include "lib/net/resolver.h"
#include "lib/net/tls_source.h"
#include "lib/tunnel/memory.h"
#include "spoke/client_shares.h"
#include "spoke/counters.h"
#include "spoke/health_lease.h"
#include "spoke/options.h"
#include "spoke/picture.h"
#include "spoke/port_forward.h"
#include "spoke/server_counter.h"
#include "spoke/server_link.h"
#include "spoke/server_set.h"

namespace hawser::spoke {

class Agent {
 public:
  // Loads certificates and binds the ports. Errors name the file or address.
  static absl::StatusOr<std::unique_ptr<Agent>> Create(const Options& options);
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  struct Served {
    std::string what;  // "health", "admin", "debug"
    std::string address;
  };
  const std::vector<Served>& served() const { return served_; }

  void Run();
  // First call: asks servers for nothing new and lets open connections end, up to the deadline.
  // Second call: ends at once.
  void Stop();
  // Reads certificates, the configuration file and what says how names are looked up again. When
  // the files change that happens by itself within 10 s.
  void Reload();
  // SIGTERM and SIGINT call Stop(), SIGHUP Reload().
  void HandleSignals();

 private:
  Agent(const Options& options, net::TlsSource tls, std::shared_ptr<net::TlsContext> proxy_tls,
        TargetNames names, std::unique_ptr<ServerCounter> leases);

  absl::Status CreatePages();
  std::unique_ptr<ServerLink> MakeLink(const base::HostPort& address, ServerLink::Admit admit,
                                       tunnel::LinkOwner& owner);
  absl::Status CreateHealthLease();
  absl::Status CreatePortForward();
  void Refresh(bool asked);
  void RefreshTls(bool asked);
  absl::Status RefreshConfig(bool asked);
  void Drain();
  void Finish();
  net::Http1Server::Response Ready(const std::string& query) const;
  Picture Look() const;

  const Options options_;
  const std::shared_ptr<tunnel::MemoryBudget> memory_;
  ClientShares clients_;
  net::EventLoop loop_;
  net::Resolver server_resolver_;
  net::Resolver target_resolver_;
  Counters counters_;
  net::TlsSource tls_;
  std::unique_ptr<PortForward> port_forward_;  // null: servers are connected to
  LinkOptions link_options_;  // its rules for targets change with the configuration file
  base::FileWatch config_watch_;
  const std::unique_ptr<ServerCounter> leases_;  // null: servers say how many they are
  std::unique_ptr<HealthLease> health_lease_;    // null: none
  ServerSet servers_;
  // Pages never run on the loop that serves tunnels. The thread ends first, and its loop goes last.
  net::LoopThread pages_thread_;
  std::unique_ptr<net::PagePort> health_;
  std::unique_ptr<net::PagePort> admin_;
  std::unique_ptr<net::PagePort> debug_;  // null: there is none
  std::vector<Served> served_;
  net::ProcessSignals signals_;
  base::Timer refresh_;
  base::HeapTrim heap_;
  base::Timer drain_deadline_;
  bool draining_ = false;
};

}  // namespace hawser::spoke
