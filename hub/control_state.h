// What the control API shows of this hub.
#pragma once

#include <functional>
#include <vector>

#include "hub/session_registry.h"
#include "hub/socket_port.h"
#include "lib/control/state_source.h"

namespace hawser::hub {

class ControlState final : public control::StateSource {
 public:
  ControlState(const Shards& shards, SessionRegistry& registry)
      : shards_(shards), registry_(registry) {}

  std::vector<control::Cluster> Clusters() override;
  std::vector<control::Session> Sessions() override;
  void Subscribe(std::function<void()> changed) override { registry_.OnChange(changed); }
  void Unsubscribe() override { registry_.OnChange(nullptr); }

 private:
  const Shards& shards_;
  SessionRegistry& registry_;
};

}  // namespace hawser::hub
