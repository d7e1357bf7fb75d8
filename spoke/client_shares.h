// What one client of the hubs may take of this agent: three fifths of its memory for queued bytes
// and of its descriptors, an eighth of which is kept for clients that have hardly any. Hubs of ours
// tell clients apart by a number; servers of Konnectivity's do not: behind them there are no
// shares.
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
#include "lib/net/dialer.h"
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
          descriptors_(other.descriptors_),
          memory_(std::move(other.memory_)) {}
    Place& operator=(Place&&) = delete;
    ~Place() { GiveBack(descriptors_); }

    // The dial has one socket from now on.
    void Opened();
    // What the tunnel's queue is charged to.
    const std::shared_ptr<tunnel::MemoryBudget>& memory() const { return memory_; }

   private:
    friend class ClientShares;
    Place(ClientShares* shares, uint64_t client, std::shared_ptr<tunnel::MemoryBudget> memory)
        : shares_(shares), client_(client), memory_(std::move(memory)) {}

    void GiveBack(size_t descriptors);

    ClientShares* shares_;  // null: there is nothing to give back
    const uint64_t client_;
    size_t descriptors_ = kOfDial;
    std::shared_ptr<tunnel::MemoryBudget> memory_;
  };

  // `descriptors`: of the process.
  ClientShares(std::shared_ptr<tunnel::MemoryBudget> memory, uint64_t descriptors);
  ClientShares(const ClientShares&) = delete;
  ClientShares& operator=(const ClientShares&) = delete;

  // `client` is 0 where the hub names none. kOverloaded beyond a share, and when memory is short.
  std::variant<Place, tunnel::Failure> Take(uint64_t client);

  const tunnel::MemoryBudget& memory() const { return *memory_; }
  // Bytes that may be queued for one client, and descriptors that it, and that all may hold.
  // A share may be exceeded by a quarter, and must not make the whole short then.
  uint64_t memory_share() const { return memory_->cap() / 5 * 3; }
  size_t descriptor_share() const { return descriptor_share_; }
  size_t descriptors_in_all() const { return descriptors_in_all_; }
  // Descriptors that named clients hold.
  size_t descriptors() const { return descriptors_; }
  // Dials that were refused for want of descriptors: because their client held as many as it may,
  // and because all were in use. The memory's own tally has those that were refused for memory.
  uint64_t refused_for_share() const { return refused_for_share_; }
  uint64_t refused_for_total() const { return refused_for_total_; }

 private:
  struct Client {
    std::shared_ptr<tunnel::MemoryBudget> memory;
    size_t descriptors = 0;
  };

  // A dial may try several addresses at a time.
  static constexpr size_t kOfDial = net::kMostOpen;
  // Who has fewer is a newcomer, for whom an eighth is kept.
  static constexpr size_t kFew = 16;

  bool IsFull(const Client* client) const;

  const std::shared_ptr<tunnel::MemoryBudget> memory_;
  const size_t descriptors_in_all_;  // without those for other things
  const size_t descriptor_share_;
  std::unordered_map<uint64_t, Client, base::SeededHash> clients_;  // those with places
  size_t descriptors_ = 0;
  uint64_t refused_for_share_ = 0, refused_for_total_ = 0;
};

}  // namespace hawser::spoke
