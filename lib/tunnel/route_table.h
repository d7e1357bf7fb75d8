// Which session serves a dial: pure bookkeeping over opaque handles.
//
// Two kinds of sessions, kept apart. Certified ones own the name in their certificate: they are
// candidates for what their cluster owns (name_rules.h) or was granted, under every strategy, and
// what a certificate has once claimed (with all names under it, and all addresses in it) stays
// closed to the others.
// Asserted ones, whose names are only their own word, are found by the strategies in their order:
//
//   kDestHost      an identifier equals the host, else the longest `cidr=` that holds its address,
//                  else `host=<cluster>` equals its owner
//   kDefaultRoute  any that announced default-route=true
//   kDefault       as kDestHost, else any
//
// Among those that fit, one that does not drain comes first, then one that is neither silent nor
// superseded by a newer session of the same agent, then the least pending dials, then the one that
// was picked least recently.
//
// Threads: none of its own; the owner serialises all calls.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lib/tunnel/identifiers.h"
#include "lib/tunnel/name_rules.h"

namespace hawser::tunnel {

enum class Strategy { kDestHost, kDefaultRoute, kDefault };
// "destHost", "defaultRoute", "default", as in --proxy-strategies.
const char* StrategyName(Strategy strategy);
std::optional<Strategy> ParseStrategy(const std::string& name);

class RouteTable {
 public:
  using Handle = uint64_t;

  // `strategies` must not be empty.
  explicit RouteTable(std::vector<Strategy> strategies);
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;
  ~RouteTable();

  // `cluster` is the name in the agent's certificate, empty for an asserted session. What a
  // certified session may announce was decided before: hosts that its cluster owns, and of others
  // only `granted_hosts`. The handle must be new.
  void Add(Handle handle, const std::string& cluster, const Identifiers& identifiers,
           const std::vector<std::string>& granted_hosts = {});
  // These six ignore handles that are gone.
  void Remove(Handle handle);
  void SetDraining(Handle handle);
  void SetSuperseded(Handle handle);
  void SetSilent(Handle handle, bool silent);
  void DialStarted(Handle handle);
  void DialEnded(Handle handle);

  struct Choice {
    Handle handle;
    size_t pending_dials;
    bool last_resort;  // it drains, is silent or superseded
  };
  // The session for a dial, other than `excluded`.
  std::optional<Choice> Pick(const Destination& destination,
                             std::optional<Handle> excluded = {}) const;

  size_t size() const { return entries_.size(); }
  // Sessions that `strategy` can choose from; certified ones count for each.
  size_t CountFor(Strategy strategy) const;

 private:
  struct Entry;
  struct Search;
  // What the sessions of one pool are ordered by: the first is the best choice.
  struct Better {
    bool operator()(const Entry* a, const Entry* b) const;
  };
  using Pool = std::set<Entry*, Better>;
  enum class Kind { kGranted, kOwnedName, kCluster, kAssertedName, kDefaultRoute, kAsserted };
  // By kind and canonical name; the last two kinds have one pool, without a name. Owned names are
  // looked up behind their owner, so that only its sessions can have them. Never empty ones.
  using Pools = std::map<std::pair<Kind, std::string>, Pool>;

  static const Entry* Preferred(const Entry* first, const Entry* second);
  void Join(Entry& entry, Kind kind, const std::string& name);
  // Takes the entry out of its pools, lets `change` touch what they are ordered by, puts it back.
  template <typename Change>
  void Update(Handle handle, Change&& change);
  const Pool* Find(Kind kind, const std::string& name) const;
  // The ranges that hold a canonical address, of the lengths that were ever announced, longest
  // first.
  std::vector<std::string> RangesAround(const std::string& address) const;
  bool IsClaimed(const Search& search) const;
  // What was granted, then the owner's sessions: those with the exact name, then any.
  const Entry* PickCertified(const Search& search) const;
  // The exact name, then the address's ranges, then `host=<owner>`.
  const Entry* PickByName(const Search& search) const;
  const Entry* PickAsserted(const Search& search, Strategy strategy) const;

  const std::vector<Strategy> strategies_;
  std::unordered_map<Handle, std::unique_ptr<Entry>> entries_;
  Pools pools_;
  // Clusters and granted names that certificates have claimed since the start, and whose the names
  // of service proxies are. Bounded: certificates are issued by the operator's CA, and what they
  // may announce beside their own names by its configuration.
  std::unordered_set<std::string> claimed_clusters_;
  std::unordered_set<std::string> claimed_grants_;
  std::unordered_map<std::string, std::string> service_proxies_;
  // Lengths of the ranges announced since the start: 129 at most.
  std::set<int, std::greater<>> range_bits_;
  uint64_t picks_ = 0;
};

}  // namespace hawser::tunnel
