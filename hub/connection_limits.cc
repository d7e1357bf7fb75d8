#include "hub/connection_limits.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/net/socket_address.h"

namespace hawser::hub {
namespace {

size_t Index(Port port) { return static_cast<size_t>(port); }
size_t Index(LimitKind kind) { return static_cast<size_t>(kind); }

}  // namespace

const char* PortName(Port port) {
  switch (port) {
    case Port::kAgents: return "agents";
    case Port::kGrpc: return "grpc";
    case Port::kHttpConnect: return "http-connect";
  }
  return "unknown";
}

const char* LimitKindName(LimitKind kind) {
  switch (kind) {
    case LimitKind::kTotal: return "total";
    case LimitKind::kIdentity: return "identity";
    case LimitKind::kAddress: return "address";
  }
  return "unknown";
}

ConnectionPermit& ConnectionPermit::operator=(ConnectionPermit&& other) noexcept {
  std::swap(limits_, other.limits_);
  std::swap(port_, other.port_);
  std::swap(address_, other.address_);
  std::swap(identity_, other.identity_);
  return *this;
}

ConnectionPermit::~ConnectionPermit() {
  if (limits_ != nullptr) limits_->Return(*this);
}

void ConnectionLimits::Set(const Options& options) {
  const std::lock_guard lock(mutex_);
  options_ = options;
}

absl::StatusOr<ConnectionPermit> ConnectionLimits::Admit(Port port, const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto refuse = [&](LimitKind kind, const std::string& why) {
    ++refused_[Index(port)][Index(kind)];
    return absl::ResourceExhaustedError(why);
  };
  if (port != Port::kAgents && front_ends() >= options_.front_ends)
    return refuse(LimitKind::kTotal,
                  absl::StrCat("more than ", options_.front_ends, " client connections"));
  if (port == Port::kAgents && counts_[Index(port)] >= options_.agents)
    return refuse(LimitKind::kTotal,
                  absl::StrCat("more than ", options_.agents, " connections of agents"));
  ConnectionPermit permit;
  if (!address.empty()) {
    const auto counted = addresses_.try_emplace(net::PeerNetwork(address)).first;
    if (counted->second >= options_.per_address)
      return refuse(LimitKind::kAddress,
                    absl::StrCat("more than ", options_.per_address, " connections from address ",
                                 counted->first));
    ++counted->second;
    permit.address_ = &*counted;
  }
  permit.limits_ = this;
  permit.port_ = port;
  ++counts_[Index(port)];
  return permit;
}

absl::Status ConnectionLimits::Identify(ConnectionPermit& permit, const PeerIdentity& identity) {
  const std::lock_guard lock(mutex_);
  const size_t limit = LimitOf(identity.kind);
  const auto counted = identities_.try_emplace(identity.name).first;
  if (counted->second >= limit) {
    ++refused_[Index(permit.port_)][Index(LimitKind::kIdentity)];
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", limit, " connections of ", identity.name));
  }
  ++counted->second;
  permit.identity_ = &*counted;
  return absl::OkStatus();
}

size_t ConnectionLimits::count(Port port) const {
  const std::lock_guard lock(mutex_);
  return counts_[Index(port)];
}

uint64_t ConnectionLimits::refused(Port port) const {
  const std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (const uint64_t refused : refused_[Index(port)]) sum += refused;
  return sum;
}

uint64_t ConnectionLimits::refused(Port port, LimitKind kind) const {
  const std::lock_guard lock(mutex_);
  return refused_[Index(port)][Index(kind)];
}

ConnectionLimits::Options ConnectionLimits::options() const {
  const std::lock_guard lock(mutex_);
  return options_;
}

size_t ConnectionLimits::client_share() const {
  const std::lock_guard lock(mutex_);
  return ClientShare();
}

void ConnectionLimits::OnFrontEndsIdle(base::Closure callback) {
  {
    const std::lock_guard lock(mutex_);
    if (front_ends() > 0) {
      idle_ = std::move(callback);
      return;
    }
  }
  callback();
}

size_t ConnectionLimits::front_ends() const {
  return counts_[Index(Port::kGrpc)] + counts_[Index(Port::kHttpConnect)];
}

size_t ConnectionLimits::ClientShare() const {
  return std::min(options_.per_identity, std::max<size_t>(options_.front_ends / 2, 1));
}

size_t ConnectionLimits::LimitOf(PeerIdentity::Kind kind) const {
  switch (kind) {
    case PeerIdentity::kClient: return ClientShare();
    case PeerIdentity::kCluster: return options_.per_cluster;
    case PeerIdentity::kUnnamedAgent: return options_.per_identity;
  }
  return 0;
}

void ConnectionLimits::Decrement(Counts& counts, ConnectionPermit::Counted* counted) {
  if (counted != nullptr && --counted->second == 0) counts.erase(counted->first);
}

void ConnectionLimits::Return(ConnectionPermit& permit) {
  base::Closure idle;
  {
    const std::lock_guard lock(mutex_);
    Decrement(addresses_, permit.address_);
    Decrement(identities_, permit.identity_);
    --counts_[Index(permit.port_)];
    if (front_ends() == 0) std::swap(idle, idle_);
  }
  if (idle) idle();
}

}  // namespace hawser::hub
