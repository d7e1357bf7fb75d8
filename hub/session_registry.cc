#include "hub/session_registry.h"

#include <algorithm>
#include <utility>

#include "lib/base/quote.h"

namespace hawser::hub {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

DialLease::~DialLease() {
  if (registry_ != nullptr) registry_->Release(session_, client_);
}

SessionRegistry::SessionRegistry(std::vector<tunnel::Strategy> strategies, tunnel::NameRules names,
                                 const Limits& limits)
    : strategies_(strategies),
      names_(std::make_shared<const tunnel::NameRules>(std::move(names))),
      table_(std::move(strategies)),
      limits_(limits) {}

size_t SessionRegistry::ClientShare(size_t pending_dials) {
  return std::min(pending_dials, std::max<size_t>(pending_dials / 4, 16));
}

bool SessionRegistry::HasRoomFor(const AgentIdentity& identity) {
  if (identity.cluster.empty()) return true;
  const std::lock_guard lock(mutex_);
  const auto present = present_.find(identity.name());
  if (present == present_.end() || present->second.sessions < limits_.sessions_per_cluster)
    return true;
  ++refused_sessions_;
  return false;
}

SessionRegistry::Handle SessionRegistry::Add(Shard& shard, const AgentIdentity& identity) {
  Handle handle;
  {
    const std::lock_guard lock(mutex_);
    handle = ++last_handle_;
    table_.Add(handle, identity.cluster, identity.identifiers, identity.granted_hosts);
    std::string agent;
    if (!identity.agent_id.empty()) agent = identity.name() + " " + identity.agent_id;
    if (!agent.empty()) {
      // An agent that has come back: what is left of its old link may not know yet.
      const auto [newest, first] = newest_.try_emplace(agent, handle);
      if (!first) table_.SetSuperseded(std::exchange(newest->second, handle));
    }
    members_[handle] = {&shard, identity.name(), std::move(agent), {}};
    Present& present = present_[identity.name()];
    if (present.sessions++ == 0) present.since = std::chrono::system_clock::now();
  }
  Changed();
  return handle;
}

void SessionRegistry::Remove(Handle handle) {
  {
    const std::lock_guard lock(mutex_);
    table_.Remove(handle);
    const auto member = members_.extract(handle);
    const auto newest = newest_.find(member.mapped().agent);
    if (newest != newest_.end() && newest->second == handle) newest_.erase(newest);
    const auto present = present_.find(member.mapped().cluster);
    if (--present->second.sessions == 0) present_.erase(present);
  }
  Changed();
}

void SessionRegistry::SetDraining(Handle handle) {
  {
    const std::lock_guard lock(mutex_);
    table_.SetDraining(handle);
  }
  Changed();
}

void SessionRegistry::SetSilent(Handle handle, bool silent) {
  const std::lock_guard lock(mutex_);
  table_.SetSilent(handle, silent);
}

std::variant<tunnel::Destination, Failure> SessionRegistry::Resolve(const std::string& host) const {
  const auto parsed = tunnel::Host::Parse(host);
  if (!parsed)
    return Failure{Reason::kNoAgent, Hop::kHub, "no agent available for " + base::Quote(host)};
  const auto names = [this] {
    const std::lock_guard lock(names_mutex_);
    return names_;
  }();
  return names->Resolve(*parsed);
}

void SessionRegistry::SetNames(tunnel::NameRules names) {
  auto next = std::make_shared<const tunnel::NameRules>(std::move(names));
  const std::lock_guard lock(names_mutex_);
  names_.swap(next);
}

std::variant<DialLease, Failure> SessionRegistry::Reserve(const tunnel::Destination& destination,
                                                          const std::string& client,
                                                          std::optional<Handle> excluded) {
  const std::string& host = destination.host.text();
  const std::lock_guard lock(mutex_);
  if (closed_)
    return Failure{Reason::kNoAgent, Hop::kHub,
                   "no agent available for " + base::Quote(host) + ": the hub is stopping"};
  const auto choice = table_.Pick(destination, excluded);
  if (!choice)
    return Failure{Reason::kNoAgent, Hop::kHub, "no agent available for " + base::Quote(host)};
  const auto refuse = [&](LimitKind kind, const char* whose) {
    ++refused_dials_[static_cast<size_t>(kind)];
    return Failure{Reason::kOverloaded, Hop::kHub,
                   std::string("too many dials") + whose + " are pending at the agent for " +
                       base::Quote(host)};
  };
  if (choice->pending_dials >= limits_.pending_dials) return refuse(LimitKind::kTotal, "");
  if (HasItsShare(choice->handle, client)) return refuse(LimitKind::kIdentity, " of this client");
  return Take(choice->handle, client);
}

std::optional<DialLease> SessionRegistry::ReserveElsewhere(const tunnel::Destination& destination,
                                                           const std::string& client,
                                                           Handle silent) {
  const std::lock_guard lock(mutex_);
  const auto choice = table_.Pick(destination, silent);
  if (closed_ || !choice || choice->last_resort || choice->pending_dials >= limits_.pending_dials ||
      HasItsShare(choice->handle, client))
    return std::nullopt;
  return Take(choice->handle, client);
}

bool SessionRegistry::HasItsShare(Handle handle, const std::string& client) const {
  const auto& of_clients = members_.at(handle).pending_dials;
  const auto of_client = of_clients.find(client);
  return of_client != of_clients.end() && of_client->second >= ClientShare(limits_.pending_dials);
}

DialLease SessionRegistry::Take(Handle handle, const std::string& client) {
  Member& member = members_.at(handle);
  ++member.pending_dials[client];
  table_.DialStarted(handle);
  ++pending_dials_;
  return DialLease(*this, handle, *member.shard, client);
}

void SessionRegistry::Release(Handle handle, const std::string& client) {
  const std::lock_guard lock(mutex_);
  --pending_dials_;
  const auto member = members_.find(handle);
  if (member == members_.end()) return;  // the session ended first
  table_.DialEnded(handle);
  const auto of_client = member->second.pending_dials.find(client);
  if (--of_client->second == 0) member->second.pending_dials.erase(of_client);
}

void SessionRegistry::SetLimits(const Limits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

SessionRegistry::Limits SessionRegistry::limits() const {
  const std::lock_guard lock(mutex_);
  return limits_;
}

void SessionRegistry::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

size_t SessionRegistry::size() const {
  const std::lock_guard lock(mutex_);
  return table_.size();
}

size_t SessionRegistry::pending_dials() const {
  const std::lock_guard lock(mutex_);
  return pending_dials_;
}

uint64_t SessionRegistry::refused_dials(LimitKind kind) const {
  const std::lock_guard lock(mutex_);
  return refused_dials_[static_cast<size_t>(kind)];
}

uint64_t SessionRegistry::refused_sessions() const {
  const std::lock_guard lock(mutex_);
  return refused_sessions_;
}

std::vector<std::pair<tunnel::Strategy, size_t>> SessionRegistry::CountByStrategy() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<tunnel::Strategy, size_t>> counts;
  for (const tunnel::Strategy strategy : strategies_)
    counts.emplace_back(strategy, table_.CountFor(strategy));
  return counts;
}

std::map<std::string, std::chrono::system_clock::time_point> SessionRegistry::Presence() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::chrono::system_clock::time_point> presence;
  for (const auto& [name, present] : present_) presence[name] = present.since;
  return presence;
}

void SessionRegistry::OnChange(std::function<void()> changed) {
  const std::lock_guard lock(changed_mutex_);
  changed_ = std::move(changed);
}

void SessionRegistry::Changed() {
  const std::lock_guard lock(changed_mutex_);
  if (changed_) changed_();
}

}  // namespace hawser::hub
