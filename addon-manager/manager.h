// An addon-manager process: what is watched, who works on it, and who leads.
//
//   auto manager = Manager::Create(options);
//   (*manager)->HandleSignals();
//   (*manager)->Run();   // until Stop()
//
// Any number of them may run: all watch, the leader works. One that loses its lead, be it because
// the API server is away, stops working until it leads again. Reconcilers have threads of their
// own; the main thread serves the pages.
//
// Threads: Stop() from any; all else on the thread that calls Run(), before it does.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "addon-manager/addon_reconciler.h"
#include "addon-manager/agent_leaves.h"
#include "addon-manager/configuration_reconciler.h"
#include "addon-manager/csr_reconciler.h"
#include "addon-manager/hub_state.h"
#include "addon-manager/management_addon_reconciler.h"
#include "addon-manager/options.h"
#include "addon-manager/sources.h"
#include "lib/base/log_limit.h"
#include "lib/base/scheduler.h"
#include "lib/kube/client.h"
#include "lib/kube/config.h"
#include "lib/kube/controller.h"
#include "lib/kube/leader_election.h"
#include "lib/net/event_loop.h"
#include "lib/net/page_port.h"
#include "lib/net/process_signals.h"

namespace hawser::addon_manager {

class Manager {
 public:
  static absl::StatusOr<std::unique_ptr<Manager>> Create(const Options& options);
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager();

  struct Served {
    std::string what;
    std::string address;
  };
  const std::vector<Served>& served() const { return served_; }
  void Run();
  void Stop();
  // SIGTERM and SIGINT call Stop().
  void HandleSignals();

 private:
  Manager(const Options& options, const kube::Config& config);

  absl::Status CreatePages();
  void Connect();
  std::array<kube::Controller*, 4> Controllers();
  void EnqueueAll();
  void EnqueueUsersOf(const kube::Change& config);
  void Lead();
  void Follow();
  void WorkOnceCurrent();
  net::Http1Server::Response Ready(const std::string& query) const;
  net::Http1Server::Response Metrics() const;

  const Options options_;
  net::EventLoop loop_;
  kube::Client client_;
  kube::Client election_client_;  // its own turns: leading must not wait for work
  Sources sources_;
  HubStateCell state_;
  AgentLeaves leaves_;

  ConfigurationReconciler configuration_reconciler_;
  AddonReconciler addon_reconciler_;
  ManagementAddonReconciler management_addon_reconciler_;
  CsrReconciler csr_reconciler_;
  kube::Controller configurations_;
  kube::Controller addons_;
  kube::Controller management_addons_;
  kube::Controller signing_requests_;

  std::unique_ptr<kube::LeaderElection> election_;  // null: always leading
  std::unique_ptr<net::PagePort> health_;
  std::vector<Served> served_;
  net::ProcessSignals signals_;

  // Of the main thread:
  base::LogLimit waits_;
  base::Timer sync_look_;
  base::Time leading_since_{};
};

}  // namespace hawser::addon_manager
