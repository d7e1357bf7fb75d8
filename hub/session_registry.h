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
#include "hub/connection_limits.h"
#include "lib/base/seeded_hash.h"
#include "lib/tunnel/failure.h"
#include "lib/tunnel/name_rules.h"
#include "lib/tunnel/route_table.h"

namespace hawser::hub {

class SessionRegistry;
class Shard;

// A dial's place at a session: counts as pending there, and for its client, until it is destroyed.
class DialLease {
 public:
  DialLease(SessionRegistry& registry, tunnel::RouteTable::Handle session, Shard& shard,
            std::string client)
      : registry_(&registry), session_(session), shard_(&shard), client_(std::move(client)) {}
  DialLease(DialLease&& other) noexcept
      : registry_(std::exchange(other.registry_, nullptr)),
        session_(other.session_),
        shard_(other.shard_),
        client_(std::move(other.client_)) {}
  DialLease& operator=(DialLease&&) = delete;
  ~DialLease();

  tunnel::RouteTable::Handle session() const { return session_; }
  // Where the session lives.
  Shard& shard() const { return *shard_; }

 private:
  SessionRegistry* registry_;
  tunnel::RouteTable::Handle session_;
  Shard* shard_;
  std::string client_;
};

class SessionRegistry {
 public:
  using Handle = tunnel::RouteTable::Handle;

  struct Limits {
    size_t pending_dials;  // per session; see ClientShare()
    size_t sessions_per_cluster = 64;
  };

  SessionRegistry(std::vector<tunnel::Strategy> strategies, tunnel::NameRules names,
                  const Limits& limits);

  // How many of a session's pending dials one client may have: a quarter, 16 at least.
  static size_t ClientShare(size_t pending_dials);

  // Whether the cluster in the agent's certificate may have another session; counts a refusal
  // otherwise. Agents that only say who they are have no share: they could say anything.
  bool HasRoomFor(const AgentIdentity& identity);

  // Where a dial to `host` goes, found once per dial and without the lock of the sessions; kNoAgent
  // for what is neither a name nor an address.
  std::variant<tunnel::Destination, tunnel::Failure> Resolve(const std::string& host) const;
  // For dials from now on.
  void SetNames(tunnel::NameRules names);

  // A session on `shard` of the agent that `identity` describes.
  Handle Add(Shard& shard, const AgentIdentity& identity);
  void Remove(Handle handle);
  void SetDraining(Handle handle);
  // It has not answered for a while, or does again: silent ones are asked last.
  void SetSilent(Handle handle, bool silent);

  // A place for a dial of `client` at the best session but `excluded`; kNoAgent or kOverloaded
  // otherwise.
  std::variant<DialLease, tunnel::Failure> Reserve(const tunnel::Destination& destination,
                                                   const std::string& client,
                                                   std::optional<Handle> excluded);

  // The same for a dial that waits at `silent`, only at a session that is worth leaving it for;
  // counts no refusal.
  std::optional<DialLease> ReserveElsewhere(const tunnel::Destination& destination,
                                            const std::string& client, Handle silent);

  // For dials and sessions from now on.
  void SetLimits(const Limits& limits);
  Limits limits() const;

  // From now on there is a place for nobody.
  void Close();

  size_t size() const;
  size_t pending_dials() const;
  // Dials refused because their session, or their client there, had too many.
  uint64_t refused_dials(LimitKind kind) const;
  uint64_t refused_sessions() const;
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
    std::string agent;  // its name and its id; empty without an id
    // By client, none of them 0.
    std::unordered_map<std::string, size_t, base::SeededHash> pending_dials;
  };
  struct Present {
    std::chrono::system_clock::time_point since;
    size_t sessions = 0;
  };

  // These need the mutex, the second one a place.
  bool HasItsShare(Handle handle, const std::string& client) const;
  DialLease Take(Handle handle, const std::string& client);
  void Release(Handle handle, const std::string& client);
  void Changed();

  const std::vector<tunnel::Strategy> strategies_;
  mutable std::mutex names_mutex_;
  std::shared_ptr<const tunnel::NameRules> names_;  // guarded by names_mutex_
  mutable std::mutex mutex_;                        // guards all below
  tunnel::RouteTable table_;
  std::unordered_map<Handle, Member> members_;
  std::map<std::string, Present> present_;
  std::unordered_map<std::string, Handle, base::SeededHash> newest_;  // by Member::agent
  Handle last_handle_ = 0;
  Limits limits_;
  size_t pending_dials_ = 0;
  uint64_t refused_dials_[kLimitKinds] = {};
  uint64_t refused_sessions_ = 0;
  bool closed_ = false;

  std::mutex changed_mutex_;  // held while the callback runs
  std::function<void()> changed_;
};

}  // namespace hawser::hub
