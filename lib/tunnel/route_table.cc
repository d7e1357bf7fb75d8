#include "lib/tunnel/route_table.h"

#include <glog/logging.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "lib/pki/identity.h"
#include "lib/tunnel/host_name.h"

namespace hawser::tunnel {

const char* StrategyName(Strategy strategy) {
  switch (strategy) {
    case Strategy::kDestHost: return "destHost";
    case Strategy::kDefaultRoute: return "defaultRoute";
    case Strategy::kDefault: return "default";
  }
  return "unknown";
}

std::optional<Strategy> ParseStrategy(const std::string& name) {
  for (const Strategy strategy : {Strategy::kDestHost, Strategy::kDefaultRoute, Strategy::kDefault})
    if (name == StrategyName(strategy)) return strategy;
  return std::nullopt;
}

struct RouteTable::Entry {
  Handle handle;
  bool certified;
  bool draining = false;
  bool superseded = false;
  bool silent = false;
  size_t pending_dials = 0;
  uint64_t picked_at = 0;
  std::vector<Pools::iterator> pools;

  bool doubtful() const { return superseded || silent; }
};

namespace {

std::string OwnedName(const std::string& owner, const std::string& host) {
  return owner + " " + host;
}

}  // namespace

struct RouteTable::Search {
  std::string host;                 // canonical
  std::string owner;                // empty: none
  std::vector<std::string> ranges;  // that hold the host, an address; longest first
  std::optional<Handle> excluded;

  const Entry* Best(const Pool* pool) const {
    if (pool == nullptr) return nullptr;
    for (const Entry* entry : *pool)
      if (entry->handle != excluded) return entry;
    return nullptr;
  }
};

// The first of two choices, unless it drains and the second does not. Either may be null.
const RouteTable::Entry* RouteTable::Preferred(const Entry* first, const Entry* second) {
  if (first == nullptr) return second;
  return first->draining && second != nullptr && !second->draining ? second : first;
}

bool RouteTable::Better::operator()(const Entry* a, const Entry* b) const {
  const auto rank = [](const Entry& entry) {
    return std::tuple(entry.draining, entry.doubtful(), entry.pending_dials, entry.picked_at,
                      entry.handle);
  };
  return rank(*a) < rank(*b);
}

RouteTable::RouteTable(std::vector<Strategy> strategies) : strategies_(std::move(strategies)) {
  CHECK(!strategies_.empty());
}

RouteTable::~RouteTable() = default;

void RouteTable::Add(Handle handle, const std::string& cluster, const Identifiers& identifiers,
                     const std::vector<std::string>& granted_hosts) {
  const bool certified = !cluster.empty();
  auto& slot = entries_[handle];
  CHECK(slot == nullptr) << "session handle " << handle << " is in use";
  slot = std::make_unique<Entry>(Entry{.handle = handle, .certified = certified});
  for (const std::string& range : identifiers.cidrs)
    range_bits_.insert(std::stoi(range.substr(range.find('/') + 1)));
  const auto join_granted = [&](const std::string& name) {
    Join(*slot, certified ? Kind::kGranted : Kind::kAssertedName, name);
    if (certified) claimed_grants_.insert(name);
  };
  for (const auto* names : {&identifiers.ipv4, &identifiers.ipv6, &identifiers.cidrs})
    for (const std::string& name : *names) join_granted(name);
  for (const std::string& host : identifiers.hosts) {
    const bool owned = certified && std::find(granted_hosts.begin(), granted_hosts.end(), host) ==
                                        granted_hosts.end();
    if (owned) {
      Join(*slot, Kind::kOwnedName, OwnedName(cluster, host));
    } else {
      join_granted(host);
    }
  }
  if (identifiers.default_route) Join(*slot, Kind::kDefaultRoute, "");
  if (certified) {
    claimed_clusters_.insert(cluster);
    service_proxies_.try_emplace(pki::ServiceProxyHost(cluster), cluster);
    Join(*slot, Kind::kCluster, cluster);
  } else {
    Join(*slot, Kind::kAsserted, "");
  }
}

void RouteTable::Join(Entry& entry, Kind kind, const std::string& name) {
  const auto pool = pools_.try_emplace({kind, name}).first;
  if (pool->second.insert(&entry).second) entry.pools.push_back(pool);
}

void RouteTable::Remove(Handle handle) {
  const auto found = entries_.find(handle);
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  for (const auto pool : entry.pools) {
    pool->second.erase(&entry);
    if (pool->second.empty()) pools_.erase(pool);
  }
  entries_.erase(found);
}

template <typename Change>
void RouteTable::Update(Handle handle, Change&& change) {
  const auto found = entries_.find(handle);
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  for (const auto pool : entry.pools) pool->second.erase(&entry);
  change(entry);
  for (const auto pool : entry.pools) pool->second.insert(&entry);
}

void RouteTable::SetDraining(Handle handle) {
  Update(handle, [](Entry& entry) { entry.draining = true; });
}

void RouteTable::SetSuperseded(Handle handle) {
  Update(handle, [](Entry& entry) { entry.superseded = true; });
}

void RouteTable::SetSilent(Handle handle, bool silent) {
  Update(handle, [silent](Entry& entry) { entry.silent = silent; });
}

void RouteTable::DialStarted(Handle handle) {
  Update(handle, [this](Entry& entry) {
    ++entry.pending_dials;
    entry.picked_at = ++picks_;
  });
}

void RouteTable::DialEnded(Handle handle) {
  Update(handle, [](Entry& entry) {
    if (entry.pending_dials > 0) --entry.pending_dials;
  });
}

std::optional<RouteTable::Choice> RouteTable::Pick(const Destination& destination,
                                                   std::optional<Handle> excluded) const {
  Search search{.host = destination.host.text(),
                .owner = destination.owner,
                .ranges = {},
                .excluded = excluded};
  if (destination.host.is_address()) search.ranges = RangesAround(search.host);
  if (const auto proxy = service_proxies_.find(destination.service_proxy);
      proxy != service_proxies_.end())
    search.owner = proxy->second;
  const Entry* entry = nullptr;
  if (IsClaimed(search)) {
    entry = PickCertified(search);
  } else {
    for (const Strategy strategy : strategies_) {
      const Entry* const found = PickAsserted(search, strategy);
      if (found == nullptr || (entry != nullptr && found->draining)) continue;
      entry = found;
      if (!entry->draining) break;
    }
  }
  if (entry == nullptr) return std::nullopt;
  return Choice{entry->handle, entry->pending_dials, entry->draining || entry->doubtful()};
}

const RouteTable::Pool* RouteTable::Find(Kind kind, const std::string& name) const {
  const auto found = pools_.find({kind, name});
  return found == pools_.end() ? nullptr : &found->second;
}

std::vector<std::string> RouteTable::RangesAround(const std::string& address) const {
  std::vector<std::string> ranges;
  for (const int bits : range_bits_)
    if (auto range = RangeOf(address, bits)) ranges.push_back(*std::move(range));
  return ranges;
}

bool RouteTable::IsClaimed(const Search& search) const {
  if (claimed_clusters_.contains(search.owner)) return true;
  if (claimed_grants_.empty()) return false;
  if (std::any_of(search.ranges.begin(), search.ranges.end(),
                  [this](const std::string& range) { return claimed_grants_.contains(range); }))
    return true;
  // The host and every name above it.
  for (size_t label = 0;; ++label) {
    if (claimed_grants_.contains(search.host.substr(label))) return true;
    label = search.host.find('.', label);
    if (label == std::string::npos) return false;
  }
}

const RouteTable::Entry* RouteTable::PickCertified(const Search& search) const {
  const Entry* choice = nullptr;
  const auto look = [&](Kind kind, const std::string& name) {
    choice = Preferred(choice, search.Best(Find(kind, name)));
  };
  look(Kind::kGranted, search.host);
  for (const std::string& range : search.ranges) look(Kind::kGranted, range);
  if (search.owner.empty()) return choice;
  look(Kind::kOwnedName, OwnedName(search.owner, search.host));
  look(Kind::kCluster, search.owner);
  return choice;
}

const RouteTable::Entry* RouteTable::PickByName(const Search& search) const {
  const Entry* choice = nullptr;
  const auto look = [&](const std::string& name) {
    choice = Preferred(choice, search.Best(Find(Kind::kAssertedName, name)));
  };
  look(search.host);
  for (const std::string& range : search.ranges) look(range);
  if (!search.owner.empty()) look(search.owner);
  return choice;
}

const RouteTable::Entry* RouteTable::PickAsserted(const Search& search, Strategy strategy) const {
  if (strategy == Strategy::kDefaultRoute) return search.Best(Find(Kind::kDefaultRoute, ""));
  const Entry* const named = PickByName(search);
  if (strategy == Strategy::kDestHost || (named != nullptr && !named->draining)) return named;
  const Entry* const any = search.Best(Find(Kind::kAsserted, ""));
  return named == nullptr || (any != nullptr && !any->draining) ? any : named;
}

size_t RouteTable::CountFor(Strategy strategy) const {
  size_t count = 0;
  for (const auto& [handle, entry] : entries_) {
    const auto joined = [&entry](Kind kind) {
      return std::any_of(entry->pools.begin(), entry->pools.end(),
                         [kind](Pools::iterator pool) { return pool->first.first == kind; });
    };
    const bool chosen = strategy == Strategy::kDestHost       ? joined(Kind::kAssertedName)
                        : strategy == Strategy::kDefaultRoute ? joined(Kind::kDefaultRoute)
                                                              : true;
    if (entry->certified || chosen) ++count;
  }
  return count;
}

}  // namespace hawser::tunnel
