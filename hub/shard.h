// One event loop, its thread, and what the parts of the hub that share it must know of each other.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "hub/counters.h"
#include "lib/net/event_loop.h"
#include "lib/tunnel/route_table.h"

namespace hawser::hub {

class AgentSession;
class FrontSession;

class Shard {
 public:
  Shard() = default;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  // Starts and ends the loop's thread. What lives on the loop must be gone before Stop().
  void Start();
  void Stop();

  net::EventLoop& loop() { return loop_; }
  // Runs `work` on the loop and waits for it; here, while the loop has no thread. Not from a
  // shard's thread.
  void RunAndWait(base::Closure work);

  // Connections of agents and of gRPC clients that are on this shard or on their way to it: what
  // new ones are spread by. Any thread.
  std::atomic<size_t> load{0};

  // --- the loop's thread only ---
  Counters counters;
  std::unordered_map<tunnel::RouteTable::Handle, AgentSession*> agents;
  std::unordered_set<FrontSession*> clients;

 private:
  net::EventLoop loop_;
  std::thread thread_;
};

}  // namespace hawser::hub
