// The servers that this agent keeps links to: one link per configured address and, where servers
// say that they are several behind one address, as many as they are. One link per server: a second
// one to a server that is linked already is dropped, and tried again with back-off.
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
#include "spoke/server_link.h"

namespace hawser::spoke {

class ServerSet {
 public:
  using MakeLink = std::function<std::unique_ptr<ServerLink>(
      const base::HostPort& address, ServerLink::Admit admit, tunnel::LinkOwner& owner)>;

  struct Options {
    std::vector<base::HostPort> addresses;  // at least one
    tunnel::Backoff::Policy backoff;
    tunnel::Reconnector::Random random;
  };

  ServerSet(base::Scheduler& scheduler, Options options, Counters& counters, MakeLink make_link);
  ServerSet(const ServerSet&) = delete;
  ServerSet& operator=(const ServerSet&) = delete;

  void Start();
  // New links take over from those there are (say, because of a new certificate).
  void Replace();
  // No new links; those there are finish what they carry. `done` runs when the last one has.
  void Drain(base::Closure done);

  struct Server {
    base::HostPort address;
    std::unique_ptr<tunnel::Reconnector> reconnector;
    absl::Status last_failure;  // of the attempts since the last link

    // Null when there is none that serves.
    const ServerLink* link() const { return static_cast<const ServerLink*>(reconnector->link()); }
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
  size_t wanted() const { return servers_.size(); }

 private:
  void Resize(size_t size);
  bool drained() const;
  absl::Status Admit(const Server& server, const ServerLink::Server& candidate) const;
  void OnChange(Server& server, tunnel::Reconnector::Change change, const absl::Status& reason);

  base::Scheduler& scheduler_;
  const Options options_;
  Counters& counters_;
  const MakeLink make_link_;
  base::Closure drained_;
  std::vector<std::unique_ptr<Server>> servers_;
};

}  // namespace hawser::spoke
