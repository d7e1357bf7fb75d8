// What the installation on the hub looks like, for those who bring it to the spokes and sign for
// them: made by the reconciler of the configuration, read by the others.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "addon-manager/authorities.h"
#include "addon-manager/proxy_configuration.h"

namespace hawser::addon_manager {

// Never changes once it is made.
struct HubState {
  ProxyConfiguration configuration;
  CaRotation agents;          // who signs for them
  std::string server_bundle;  // PEM: what agents have to trust
  // Where agents reach the hub: names or addresses. Empty: the load balancer has none yet.
  std::vector<std::string> addresses;

  bool operator==(const HubState&) const = default;
};

using HubStatePtr = std::shared_ptr<const HubState>;

// Threads: any.
class HubStateCell {
 public:
  // `on_change` runs on the thread of Set(), after the change.
  explicit HubStateCell(std::function<void()> on_change) : on_change_(std::move(on_change)) {}

  // Null until there is one, and where there is no configuration.
  HubStatePtr Get() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }
  void Set(HubStatePtr state) {
    {
      const std::lock_guard lock(mutex_);
      const bool same = state && state_ ? *state == *state_ : state == state_;
      if (same) return;
      state_ = std::move(state);
    }
    on_change_();
  }

 private:
  const std::function<void()> on_change_;
  mutable std::mutex mutex_;
  HubStatePtr state_;  // guarded by mutex_
};

}  // namespace hawser::addon_manager
