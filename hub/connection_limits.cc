#include "hub/connection_limits.h"

#include "absl/strings/str_cat.h"

namespace hawser::hub {
namespace {

size_t Index(Port port) { return static_cast<size_t>(port); }

}  // namespace

const char* PortName(Port port) {
  switch (port) {
    case Port::kAgents: return "agents";
    case Port::kGrpc: return "grpc";
    case Port::kHttpConnect: return "http-connect";
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
  const auto refuse = [&](const std::string& why) {
    ++refused_[Index(port)];
    return absl::ResourceExhaustedError(why);
  };
  if (port != Port::kAgents && front_ends() >= options_.front_ends)
    return refuse(absl::StrCat("more than ", options_.front_ends, " client connections"));
  ConnectionPermit permit;
  if (!address.empty()) {
    const auto counted = addresses_.try_emplace(address.substr(0, address.rfind(':'))).first;
    if (counted->second >= options_.per_address)
      return refuse(absl::StrCat("more than ", options_.per_address, " connections from address ",
                                 counted->first));
    ++counted->second;
    permit.address_ = &*counted;
  }
  permit.limits_ = this;
  permit.port_ = port;
  ++counts_[Index(port)];
  return permit;
}

absl::Status ConnectionLimits::Identify(ConnectionPermit& permit, const std::string& identity) {
  const std::lock_guard lock(mutex_);
  const auto counted = identities_.try_emplace(identity).first;
  if (counted->second >= options_.per_identity) {
    ++refused_[Index(permit.port_)];
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", options_.per_identity, " connections of ", identity));
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
  return refused_[Index(port)];
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
