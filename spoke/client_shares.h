// What one client of the hubs may take of this agent: half of its memory for queued bytes and half
// of its descriptors. Hubs of ours tell clients apart by a number; where they do not, there are no
// shares, and everybody has the whole.
//
// Threads: the loop's. It outlives its places.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <variant>

#include "lib/base/seeded_hash.h"
#include "lib/tunnel/failure.h"
#include "lib/tunnel/memory.h"

namespace hawser::spoke {

class ClientShares {
 public:
  // One dial, and the tunnel that comes of it.
  class Place {
   public:
    Place(Place&& other) noexcept
        : shares_(std::exchange(other.shares_, nullptr)),
          client_(other.client_),
          memory_(std::move(other.memory_)) {}
    Place& operator=(Place&&) = delete;
    ~Place();

    // What the tunnel's queue is charged to.
    const std::shared_ptr<tunnel::MemoryBudget>& memory() const { return memory_; }

   private:
    friend class ClientShares;
    Place(ClientShares* shares, uint64_t client, std::shared_ptr<tunnel::MemoryBudget> memory)
        : shares_(shares), client_(client), memory_(std::move(memory)) {}

    ClientShares* shares_;  // null: there is nothing to give back
    const uint64_t client_;
    std::shared_ptr<tunnel::MemoryBudget> memory_;
  };

  // `tunnels`: as many as the descriptors of the process suffice for.
  ClientShares(std::shared_ptr<tunnel::MemoryBudget> memory, size_t tunnels)
      : memory_(std::move(memory)), share_(tunnels / 2) {}
  ClientShares(const ClientShares&) = delete;
  ClientShares& operator=(const ClientShares&) = delete;

  // `client` is 0 where the hub names none. kOverloaded beyond a share, and when memory is short.
  std::variant<Place, tunnel::Failure> Take(uint64_t client);

  const tunnel::MemoryBudget& memory() const { return *memory_; }
  // Tunnels that one client may have.
  size_t share() const { return share_; }
  // Dials that were refused since a client had as many. Of memory its budget tells.
  uint64_t refused() const { return refused_; }

 private:
  struct Client {
    std::shared_ptr<tunnel::MemoryBudget> memory;
    size_t places = 0;
  };

  const std::shared_ptr<tunnel::MemoryBudget> memory_;
  const size_t share_;
  std::unordered_map<uint64_t, Client, base::SeededHash> clients_;  // those with places
  uint64_t refused_ = 0;
};

}  // namespace hawser::spoke
