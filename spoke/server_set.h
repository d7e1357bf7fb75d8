// The servers that this agent keeps links to: one link per configured address and, where there are
// more servers than addresses (as they say themselves, or as their leases say), more links that try
// the addresses in turn. One link per server: a second one to a server that is linked already is
// dropped, and tried again. Each link backs off on its own.
//
// Threads: the loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/host_port.h"
#include "lib/base/scheduler.h"
#include "lib/tunnel/reconnector.h"
#include "spoke/counters.h"
#include "spoke/server_counter.h"
#include "spoke/server_link.h"

namespace hawser::spoke {

class ServerSet {
 public:
  using MakeLink = std::function<std::unique_ptr<ServerLink>(
      const base::HostPort& address, ServerLink::Admit admit, tunnel::LinkOwner& owner)>;
  // Whether there is a link that serves; told after every change of a link.
  using OnLinked = std::function<void(bool linked)>;

  struct Options {
    std::vector<base::HostPort> addresses;  // at least one
    tunnel::Backoff::Policy backoff;
    tunnel::Reconnector::Random random;
    // Look for one more server than is known of.
    bool sync_forever = false;
    // Where leases are counted: go by what servers say when that is more.
    bool larger_count = false;
    // How often leases are counted.
    base::Duration count_interval = std::chrono::seconds(1);
  };

  // `leases` may be null: servers say how many they are. It outlives this.
  ServerSet(
      base::Scheduler& scheduler, Options options, Counters& counters, ServerCounter* leases,
      MakeLink make_link, OnLinked on_linked = [](bool) {});
  ServerSet(const ServerSet&) = delete;
  ServerSet& operator=(const ServerSet&) = delete;

  void Start();
  // New links take over from those there are (say, because of a new certificate).
  void Replace();
  // No new links; those there are finish what they carry. `done` runs when the last one has.
  void Drain(base::Closure done);

  struct Server {
    base::HostPort address;  // tried now or last
    bool extra = false;      // beyond those configured: takes the addresses in turn
    std::unique_ptr<tunnel::Reconnector> reconnector;
    absl::Status last_failure;  // of the attempts since the last link
    base::Time up_since{};      // of its link, the last one that it had

    // Null when there is none that serves.
    const ServerLink* link() const { return static_cast<const ServerLink*>(reconnector->link()); }
    // Neither serves nor drains.
    bool idle() const;
  };
  const std::vector<std::unique_ptr<Server>>& servers() const { return servers_; }
  // Those linked.
  size_t linked() const;
  // `visit(link, session)` for every session, those of links that drain included.
  template <typename Visitor>
  void ForEachSession(Visitor&& visit) const {
    for (const auto& server : servers_)
      server->reconnector->ForEachLink([&](const tunnel::Link& each) {
        const auto& link = static_cast<const ServerLink&>(each);
        if (link.session() != nullptr) visit(link, *link.session());
      });
  }
  // How many servers there should be links to.
  size_t wanted() const { return wanted_; }

 private:
  size_t CountServers() const;
  // Adds and removes links that are beyond those configured, in a later turn: it may not be done
  // from within one.
  void RequestBalance() {
    balance_.Set(base::Duration::zero(), [this] { Balance(); });
  }
  void Balance();
  void BeginOutage(const Server& lost);
  void Add(bool extra);
  bool drained() const;
  absl::Status Admit(const Server& server, const ServerLink::Server& candidate) const;
  void OnChange(Server& server, tunnel::Reconnector::Change change, const absl::Status& reason);

  base::Scheduler& scheduler_;
  const Options options_;
  Counters& counters_;
  ServerCounter* const leases_;
  const MakeLink make_link_;
  const OnLinked on_linked_;
  bool draining_ = false;
  base::Closure drained_;
  size_t announced_ = 1;  // servers, as one of them said last
  size_t wanted_;
  size_t turns_ = 0;  // of addresses, for extra links
  // Of extra links that were given up, for those that come: where links come and go fast, none of
  // them may begin anew every time.
  std::vector<tunnel::Backoff> extra_backoffs_;
  std::vector<std::unique_ptr<Server>> servers_;
  base::Timer balance_;
};

}  // namespace hawser::spoke
