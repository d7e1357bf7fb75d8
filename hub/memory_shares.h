// Each identity's share of a memory: the one for queued bytes, or the one for connections; clients'
// and clusters', by name. Threads: any. Touched once per connection, never per byte.
//
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "lib/base/seeded_hash.h"
#include "lib/tunnel/memory.h"

namespace hawser::hub {

class MemoryShares {
 public:
  struct Limits {
    uint64_t total;         // bytes, of the process
    uint64_t per_identity;  // bytes, and a quarter of the total at most
  };

  explicit MemoryShares(const Limits& limits);
  MemoryShares(const MemoryShares&) = delete;
  MemoryShares& operator=(const MemoryShares&) = delete;

  const std::shared_ptr<tunnel::MemoryBudget>& total() const { return total_; }
  // Who comes through a Unix socket is the machine's own, and has a quarter of the total.
  enum class Whose { kRemote, kLocal };

  // The one of `identity`, the same for all its connections that live at the same time.
  std::shared_ptr<tunnel::MemoryBudget> Of(const std::string& identity,
                                           Whose whose = Whose::kRemote);
  // From now on, also for those there are; what is queued stays.
  void Set(const Limits& limits);
  uint64_t share() const;

 private:
  struct Known {
    std::weak_ptr<tunnel::MemoryBudget> share;
    Whose whose = Whose::kRemote;
  };

  static uint64_t ShareOf(const Limits& limits);
  uint64_t CapOf(Whose whose) const;  // needs the mutex
  void ForgetUnused();                // needs the mutex

  const std::shared_ptr<tunnel::MemoryBudget> total_;
  mutable std::mutex mutex_;  // guards all below
  uint64_t share_;
  std::unordered_map<std::string, Known, base::SeededHash> shares_;
  size_t forget_at_ = 64;  // entries
};

}  // namespace hawser::hub
