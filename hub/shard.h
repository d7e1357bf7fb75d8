// One event loop, its thread, and what the parts of the hub that share it must know of each other.
#pragma once

#include <atomic>
#include <cstddef>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "hub/counters.h"
#include "lib/net/loop_thread.h"
#include "lib/tunnel/route_table.h"

namespace hawser::hub {

class AgentSession;
class FrontSession;

class Shard {
 public:
  Shard() = default;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // As in LoopThread. RunAndWait() is not for a shard's thread.
  void Start() { thread_.Start(); }
  void Stop() { thread_.Stop(); }
  net::EventLoop& loop() { return thread_.loop(); }
  void RunAndWait(base::Closure work) { thread_.RunAndWait(std::move(work)); }

  // Connections of agents and of gRPC clients that are on this shard or on their way to it: what
  // new ones are spread by. Any thread.
  std::atomic<size_t> load{0};

  // --- the loop's thread only ---
  Counters counters;
  std::unordered_map<tunnel::RouteTable::Handle, AgentSession*> agents;
  std::unordered_set<FrontSession*> clients;

 private:
  net::LoopThread thread_;
};

}  // namespace hawser::hub
