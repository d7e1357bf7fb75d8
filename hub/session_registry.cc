#include "hub/session_registry.h"

#include <algorithm>

#include "lib/base/quote.h"

namespace hawser::hub {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

DialLease::~DialLease() {
  if (registry_ != nullptr) registry_->Release(session_, client_);
}

SessionRegistry::SessionRegistry(std::vector<tunnel::Strategy> strategies,
                                 std::string cluster_domain, const Limits& limits)
    : strategies_(strategies),
      table_(std::move(strategies), std::move(cluster_domain)),
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
    table_.Add(handle, identity.cluster, identity.identifiers);
    members_[handle] = {&shard, identity.name(), {}};
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

std::variant<DialLease, Failure> SessionRegistry::Reserve(const std::string& host,
                                                          const std::string& client,
                                                          std::optional<Handle> excluded) {
  const std::lock_guard lock(mutex_);
  if (closed_)
    return Failure{Reason::kNoAgent, Hop::kHub,
                   "no agent available for " + base::Quote(host) + ": the hub is stopping"};
  const auto choice = table_.Pick(host, excluded);
  if (!choice)
    return Failure{Reason::kNoAgent, Hop::kHub, "no agent available for " + base::Quote(host)};
  const auto refuse = [&](LimitKind kind, const char* whose) {
    ++refused_dials_[static_cast<size_t>(kind)];
    return Failure{Reason::kOverloaded, Hop::kHub,
                   std::string("too many dials") + whose + " are pending at the agent for " +
                       base::Quote(host)};
  };
  if (choice->pending_dials >= limits_.pending_dials) return refuse(LimitKind::kTotal, "");
  Member& member = members_.at(choice->handle);
  size_t& of_client = member.pending_dials[client];
  if (of_client >= ClientShare(limits_.pending_dials))
    return refuse(LimitKind::kIdentity, " of this client");
  ++of_client;
  table_.DialStarted(choice->handle);
  ++pending_dials_;
  return DialLease(*this, choice->handle, *member.shard, client);
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
