#include "hub/session_registry.h"

#include "lib/base/quote.h"

namespace hawser::hub {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

DialLease::~DialLease() {
  if (registry_ != nullptr) registry_->Release(session_);
}

SessionRegistry::SessionRegistry(std::vector<tunnel::Strategy> strategies, tunnel::NameRules names,
                                 size_t max_pending_dials)
    : strategies_(strategies),
      names_(std::make_shared<const tunnel::NameRules>(std::move(names))),
      table_(std::move(strategies)),
      max_pending_dials_(max_pending_dials) {}

SessionRegistry::Handle SessionRegistry::Add(Shard& shard, const AgentIdentity& identity) {
  Handle handle;
  {
    const std::lock_guard lock(mutex_);
    handle = ++last_handle_;
    table_.Add(handle, identity.cluster, identity.identifiers, identity.granted_hosts);
    members_[handle] = {&shard, identity.name()};
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
                                                          std::optional<Handle> excluded) {
  const std::string& host = destination.host.text();
  const std::lock_guard lock(mutex_);
  if (closed_)
    return Failure{Reason::kNoAgent, Hop::kHub,
                   "no agent available for " + base::Quote(host) + ": the hub is stopping"};
  const auto choice = table_.Pick(destination, excluded);
  if (!choice)
    return Failure{Reason::kNoAgent, Hop::kHub, "no agent available for " + base::Quote(host)};
  if (choice->pending_dials >= max_pending_dials_)
    return Failure{Reason::kOverloaded, Hop::kHub,
                   "too many dials are pending at the agent for " + base::Quote(host)};
  table_.DialStarted(choice->handle);
  ++pending_dials_;
  return DialLease(*this, choice->handle, *members_.at(choice->handle).shard);
}

void SessionRegistry::Release(Handle handle) {
  const std::lock_guard lock(mutex_);
  table_.DialEnded(handle);
  --pending_dials_;
}

void SessionRegistry::SetMaxPendingDials(size_t max_pending_dials) {
  const std::lock_guard lock(mutex_);
  max_pending_dials_ = max_pending_dials;
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
