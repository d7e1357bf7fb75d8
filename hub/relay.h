// Two endpoints joined back to back: what one session delivers to one end, the other session pulls
// from the other end. It connects a client's gRPC stream to its agent's session, which may live on
// another loop.
//
// Nothing ever blocks: each direction is a queue, bounded by the window of the session that fills
// it (bytes count as delivered when the other session has pulled them), and each end wakes the
// other by at most one posted turn at a time; on one loop it calls directly. Half-closes and
// failures travel both ways; an orderly close is passed on behind all bytes.
//
// Threads: each end lives on its scheduler's; the queues between them are behind a mutex.
#pragma once

#include <memory>
#include <string_view>

#include "lib/base/scheduler.h"
#include "lib/tunnel/endpoint.h"
#include "lib/tunnel/memory.h"

namespace hawser::hub {

struct Relay {
  std::shared_ptr<tunnel::Endpoint> client;
  std::shared_ptr<tunnel::Endpoint> agent;
};

// `early` are bytes of the client's, ahead of what its session delivers. `memory` is charged for
// queued bytes; it may be null. The schedulers outlive the ends.
Relay MakeRelay(base::Scheduler& client, base::Scheduler& agent,
                const std::shared_ptr<tunnel::MemoryBudget>& memory, std::string_view early = {});

}  // namespace hawser::hub
