// What the control API shows, as the hub offers it.
//
// Threads: everything here is called on the control server's threads and may block them; an
// implementation that keeps its state on event loops posts there and waits for the answers.
#pragma once

#include <functional>
#include <vector>

#include "proto/control.pb.h"

namespace hawser::control {

class StateSource {
 public:
  virtual ~StateSource() = default;

  // A snapshot, ordered by name. Several threads may ask at the same time.
  virtual std::vector<Cluster> Clusters() = 0;
  // A snapshot, ordered by cluster, then by id.
  virtual std::vector<Session> Sessions() = 0;

  // From now on `changed` is called, on any thread, after a session came, went or changed state;
  // it returns at once. There is one subscriber at a time.
  virtual void Subscribe(std::function<void()> changed) = 0;
  // When it returns, no call of `changed` is running and none will come.
  virtual void Unsubscribe() = 0;
};

}  // namespace hawser::control
