// Which agents are connected, on any loop, and which of them a dial goes to.
//
// Threads: any; a mutex guards the route table. Only agents that come and go and dials use it,
// never bytes.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "hub/agent_identity.h"
#include "lib/tunnel/failure.h"
#include "lib/tunnel/name_rules.h"
#include "lib/tunnel/route_table.h"

namespace hawser::hub {

class SessionRegistry;
class Shard;

// A dial's place at a session: counts as pending there until it is destroyed.
class DialLease {
 public:
  DialLease(SessionRegistry& registry, tunnel::RouteTable::Handle session, Shard& shard)
      : registry_(&registry), session_(session), shard_(&shard) {}
  DialLease(DialLease&& other) noexcept
      : registry_(std::exchange(other.registry_, nullptr)),
        session_(other.session_),
        shard_(other.shard_) {}
  DialLease& operator=(DialLease&&) = delete;
  ~DialLease();

  tunnel::RouteTable::Handle session() const { return session_; }
  // Where the session lives.
  Shard& shard() const { return *shard_; }

 private:
  SessionRegistry* registry_;
  tunnel::RouteTable::Handle session_;
  Shard* shard_;
};

class SessionRegistry {
 public:
  using Handle = tunnel::RouteTable::Handle;

  // `max_pending_dials` is per session.
  SessionRegistry(std::vector<tunnel::Strategy> strategies, tunnel::NameRules names,
                  size_t max_pending_dials);

  // Where a dial to `host` goes, found once per dial and without the lock of the sessions; kNoAgent
  // for what is neither a name nor an address.
  std::variant<tunnel::Destination, tunnel::Failure> Resolve(const std::string& host) const;
  // For dials from now on.
  void SetNames(tunnel::NameRules names);

  // A session on `shard` of the agent that `identity` describes.
  Handle Add(Shard& shard, const AgentIdentity& identity);
  void Remove(Handle handle);
  void SetDraining(Handle handle);

  // A place for a dial at the best session but `excluded`; kNoAgent or kOverloaded otherwise.
  std::variant<DialLease, tunnel::Failure> Reserve(const tunnel::Destination& destination,
                                                   std::optional<Handle> excluded);

  // For dials from now on.
  void SetMaxPendingDials(size_t max_pending_dials);

  // From now on there is a place for nobody.
  void Close();

  size_t size() const;
  size_t pending_dials() const;
  // Sessions by strategy, in the configured order.
  std::vector<std::pair<tunnel::Strategy, size_t>> CountByStrategy() const;
  // Since when each cluster (AgentIdentity::name()) has had a session without a gap.
  std::map<std::string, std::chrono::system_clock::time_point> Presence() const;

  // From now on `changed` runs, on any thread, after a session came, went or began to drain; null
  // ends that, after which no call is running.
  void OnChange(std::function<void()> changed);

 private:
  friend class DialLease;
  struct Member {
    Shard* shard;
    std::string cluster;
  };
  struct Present {
    std::chrono::system_clock::time_point since;
    size_t sessions = 0;
  };

  void Release(Handle handle);
  void Changed();

  const std::vector<tunnel::Strategy> strategies_;
  mutable std::mutex names_mutex_;
  std::shared_ptr<const tunnel::NameRules> names_;  // guarded by names_mutex_
  mutable std::mutex mutex_;                        // guards all below
  tunnel::RouteTable table_;
  std::unordered_map<Handle, Member> members_;
  std::map<std::string, Present> present_;
  Handle last_handle_ = 0;
  size_t max_pending_dials_;
  size_t pending_dials_ = 0;
  bool closed_ = false;

  std::mutex changed_mutex_;  // held while the callback runs
  std::function<void()> changed_;
};

}  // namespace hawser::hub
