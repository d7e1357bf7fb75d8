// The process's budget for bytes that tunnels have queued because somebody does not take them, and
// the share that each identity has of it. Windows overcommit memory on purpose; this is what bounds
// the sum, and how far windows may grow in all.
//
//   auto total = std::make_shared<MemoryBudget>(1 << 30);
//   auto alice = std::make_shared<MemoryBudget>(48 << 20, total);  // counts in both
//
// Threads: any. Only queueing touches it; bytes that pass straight through do not.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/scheduler.h"

namespace hawser::tunnel {

class MemoryBudget {
 public:
  enum class Pressure {
    kNone,
    kStopGrowing,  // above a half: windows grow no further than to a modest size
    kShrink,       // above three quarters: windows shrink as they are given back
    kRefuse,       // above nine tenths: new dials fail, queues without progress are reset
    kFull,         // at the cap
  };
  // Whose bytes are too many.
  enum class Scope { kShare, kTotal };
  static constexpr size_t kScopes = 2;

  // `cap` in bytes.
  explicit MemoryBudget(uint64_t cap) : cap_(cap) {}
  // A share of `total`, which counts what the share is charged, too.
  MemoryBudget(uint64_t cap, std::shared_ptr<MemoryBudget> total)
      : cap_(cap), total_(std::move(total)) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // Any time; what is queued stays.
  void SetCap(uint64_t cap) { cap_.store(cap, std::memory_order_relaxed); }
  uint64_t cap() const { return cap_.load(std::memory_order_relaxed); }
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  // The worse of its own and the total's.
  Pressure pressure() const;

  // These decide what has to go, and count it in the total's tally.
  //
  // Whether a new dial must be refused, and for whose sake.
  std::optional<Scope> RefusesDial();
  // Whether a queue of `bytes` that made no progress for a while must be reset: when bytes are too
  // many, and no queue of the same share (of the whole process, when the total is what is short)
  // was twice as large lately. To be asked about every such queue each kStallRound.
  bool ShedsStalled(uint64_t bytes, base::Time now);
  // The same, but for the total's sake only.
  bool ShedsForOthers(uint64_t bytes, base::Time now) {
    return (total_ == nullptr ? *this : *total_).ShedsStalled(bytes, now);
  }
  // Whether a queue that still grows must be reset: bytes are far above the cap.
  bool ShedsGrowing();
  // Whether any queue that still grows must be reset, however lately its reader took of it: bytes
  // came faster than anybody could be told stalled.
  bool ShedsBurst();
  // How many bytes are free of the half up to which windows may grow: of its own, or of the total's
  // if that is less.
  uint64_t Spare() const;
  // Whether its owner goes on taking, a tenth above its own cap, although it is refused everything.
  bool Overdrawn() const { return used() > cap() / 10 * 11; }
  static constexpr base::Duration kStallRound = std::chrono::milliseconds(250);

  struct Tally {
    uint64_t refused_dials = 0;
    uint64_t reset_queues = 0;
  };
  // Of a total: its shares' decisions included.
  Tally tally(Scope scope) const;

  // How many bytes windows may still grow by: together they get half of the budget. One of several
  // owners gets no more of it than what is then left for the others. The owners of a total are its
  // shares; of a budget without shares they say what they were promised so far (`own`).
  int64_t Promisable(int64_t own) const;
  // Windows grew by `bytes` beyond their first size, or shrank (less than 0).
  void Promise(int64_t bytes);
  int64_t promised() const { return promised_.load(std::memory_order_relaxed); }

 private:
  friend class MemoryCharge;

  // The largest queue that was named in a round of kStallRound, and in the one before: a round's
  // number and a size, packed.
  class Largest {
   public:
    // Names a queue of `bytes`; returns whether none in the round before was twice as large. False
    // in the first round of all: who else there is, is not known yet.
    bool Names(uint64_t bytes, base::Time now);

   private:
    std::array<std::atomic<uint64_t>, 2> rounds_{};
  };
  struct AtomicTally {
    std::atomic<uint64_t> refused_dials{0};
    std::atomic<uint64_t> reset_queues{0};
  };

  Pressure own_pressure() const;
  Scope scope() const { return total_ == nullptr ? Scope::kTotal : Scope::kShare; }
  AtomicTally& own_tally();

  std::atomic<uint64_t> cap_;
  std::atomic<uint64_t> used_{0};
  std::atomic<int64_t> promised_{0};
  const std::shared_ptr<MemoryBudget> total_;  // null: this is it
  Largest largest_;
  std::array<AtomicTally, kScopes> tallies_;
};

// What a text takes beside its object, which may hold a short one itself.
inline uint64_t MemoryOf(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() : 0;
}

// What one queue has charged to a budget; gives it back when destroyed.
class MemoryCharge {
 public:
  // `budget` may be null: nothing is counted.
  explicit MemoryCharge(std::shared_ptr<MemoryBudget> budget = nullptr)
      : budget_(std::move(budget)) {}
  MemoryCharge(const MemoryCharge&) = delete;
  MemoryCharge& operator=(const MemoryCharge&) = delete;
  ~MemoryCharge() { Set(0); }

  void Attach(std::shared_ptr<MemoryBudget> budget);
  // The queue now holds `bytes`.
  void Set(uint64_t bytes);

 private:
  std::shared_ptr<MemoryBudget> budget_;
  uint64_t bytes_ = 0;
};

}  // namespace hawser::tunnel
