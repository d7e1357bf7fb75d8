// Time and deferred work, injected: production code runs on an EventLoop (lib/net), tests on a
// ManualScheduler (lib/testing) whose clock they advance by hand.
//
//   base::Timer deadline(scheduler);
//   deadline.Set(10s, [this] { Fail("timed out"); });
//
// One scheduler is one thread. Everything here but Post() may be called on that thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "absl/functional/any_invocable.h"

namespace hawser::base {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = std::chrono::nanoseconds;
using Closure = absl::AnyInvocable<void()>;

class Timer;

// Pending timers of one scheduler, ordered by due time.
class TimerQueue {
 public:
  // The time of the earliest timer, Time::max() when there is none.
  Time next() const { return timers_.empty() ? Time::max() : timers_.begin()->first; }
  // Runs every timer that is due at `now`, in order. Callbacks may set and cancel timers; one that
  // they set waits for the next call, however soon it is due, so that work which is cut into slices
  // lets others in between them.
  void RunDue(Time now);
  // Forgets every timer and what its callback holds, which may be the timer's own owner. For
  // schedulers that end.
  void Clear();

 private:
  friend class Timer;
  std::multimap<Time, Timer*> timers_;
  uint64_t round_ = 0;  // calls of RunDue so far
};

// Work that runs once at the end of the current turn, however often it was asked for. Owned by
// its object; destroying it takes it off the list. The callback must keep that object alive while
// it runs (unlike a Timer's).
class Deferred;

// A scheduler's list of Deferred, run in the order of first request.
class DeferredList {
 public:
  DeferredList() = default;
  DeferredList(const DeferredList&) = delete;
  DeferredList& operator=(const DeferredList&) = delete;
  bool empty() const { return head_ == nullptr; }
  // Runs until the list is empty, including what callbacks add meanwhile.
  void Run();

 private:
  friend class Deferred;
  Deferred* head_ = nullptr;
  Deferred* tail_ = nullptr;
};

class Scheduler {
 public:
  Scheduler() = default;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  virtual ~Scheduler() = default;

  // Monotonic time at the start of the current turn.
  virtual Time Now() const = 0;
  // Runs `work` in a later turn on this scheduler's thread. May be called from any thread.
  virtual void Post(Closure work) = 0;

  // Bytes handed out during the current receive batch are written out here, while the batch's
  // buffer is still valid (run by the receiver after each batch, and before `flushes`).
  DeferredList& sinks() { return sinks_; }
  // What must be sent to peers because of this turn's events (run at the end of the turn).
  DeferredList& flushes() { return flushes_; }

 protected:
  friend class Timer;
  TimerQueue& timers() { return timers_; }
  // Called when the earliest timer changed.
  virtual void OnTimersChanged() = 0;

 private:
  TimerQueue timers_;
  DeferredList sinks_;
  DeferredList flushes_;
};

// A single-shot timer. Destroying it cancels it. The callback may destroy the timer's owner.
class Timer {
 public:
  explicit Timer(Scheduler& scheduler) : scheduler_(scheduler) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { Cancel(); }

  // (Re)arms the timer; a negative delay counts as zero.
  void Set(Duration delay, Closure callback);
  void Cancel();
  bool armed() const { return armed_; }

 private:
  friend class TimerQueue;
  Scheduler& scheduler_;
  std::multimap<Time, Timer*>::iterator position_;
  Closure callback_;
  uint64_t set_in_round_ = 0;
  bool armed_ = false;
};

class Deferred {
 public:
  explicit Deferred(Closure callback) : callback_(std::move(callback)) {}
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  ~Deferred() { Cancel(); }

  // Asks `list` to run the callback at its next Run(); a no-op when already asked.
  void RequestOn(DeferredList& list);
  void Cancel();
  bool requested() const { return list_ != nullptr; }

 private:
  friend class DeferredList;
  Closure callback_;
  DeferredList* list_ = nullptr;
  Deferred* previous_ = nullptr;
  Deferred* next_ = nullptr;
};

}  // namespace hawser::base
