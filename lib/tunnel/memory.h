// The process's budget for bytes that tunnels have queued because a local socket does not take
// them. Windows overcommit memory on purpose; this is what bounds the sum, and how far windows may
// grow in all.
//
// Threads: any. Only queueing touches it; bytes that pass straight through do not.
#pragma once

#include <atomic>
#include <cstdint>

namespace hawser::tunnel {

class MemoryBudget {
 public:
  enum class Pressure {
    kNone,
    kStopGrowing,  // above a half: windows grow no more
    kShrink,       // above three quarters: windows shrink as they are given back
    kRefuse,       // above nine tenths: new dials fail with kOverloaded
    kFull,         // at the cap: queues without progress are reset, the largest first
  };

  // `cap` in bytes.
  explicit MemoryBudget(uint64_t cap) : cap_(cap) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // Any time; what is queued stays.
  void SetCap(uint64_t cap) { cap_.store(cap, std::memory_order_relaxed); }
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  Pressure pressure() const;

  // How many bytes the windows of an owner may still grow by, who was promised `own` bytes so far:
  // all owners together get half of the budget, and none more than what is left for others.
  int64_t Promisable(int64_t own) const;
  // Windows grew by `bytes` beyond their first size, or shrank (less than 0).
  void Promise(int64_t bytes) { promised_.fetch_add(bytes, std::memory_order_relaxed); }
  int64_t promised() const { return promised_.load(std::memory_order_relaxed); }

 private:
  friend class MemoryCharge;
  std::atomic<uint64_t> cap_;
  std::atomic<uint64_t> used_{0};
  std::atomic<int64_t> promised_{0};
};

// What one queue has charged to a budget; gives it back when destroyed.
class MemoryCharge {
 public:
  // `budget` may be null (nothing is counted) and outlives this.
  explicit MemoryCharge(MemoryBudget* budget = nullptr) : budget_(budget) {}
  MemoryCharge(const MemoryCharge&) = delete;
  MemoryCharge& operator=(const MemoryCharge&) = delete;
  ~MemoryCharge() { Set(0); }

  void Attach(MemoryBudget* budget);
  // The queue now holds `bytes`.
  void Set(uint64_t bytes);

 private:
  MemoryBudget* budget_;
  uint64_t bytes_ = 0;
};

}  // namespace hawser::tunnel
