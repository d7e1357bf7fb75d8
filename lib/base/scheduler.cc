#include "lib/base/scheduler.h"

#include <algorithm>
#include <utility>

namespace hawser::base {

void TimerQueue::RunDue(Time now) {
  ++round_;
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Timer& timer = *timers_.begin()->second;
    // Those that were set before are due earlier, or stand ahead of it.
    if (timer.set_in_round_ == round_) return;
    timers_.erase(timers_.begin());
    timer.armed_ = false;
    // Moved out first: the callback may destroy the timer or set it again.
    Closure callback = std::move(timer.callback_);
    callback();
  }
}

void TimerQueue::Clear() {
  while (!timers_.empty()) {
    Timer& timer = *timers_.begin()->second;
    timers_.erase(timers_.begin());
    timer.armed_ = false;
    const Closure callback = std::move(timer.callback_);  // destroyed last, perhaps with the timer
  }
}

void Timer::Set(Duration delay, Closure callback) {
  Cancel();
  callback_ = std::move(callback);
  TimerQueue& queue = scheduler_.timers();
  const Time due = scheduler_.Now() + std::max(delay, Duration::zero());
  const bool earliest = due < queue.next();
  position_ = queue.timers_.emplace(due, this);
  set_in_round_ = queue.round_;
  armed_ = true;
  if (earliest) scheduler_.OnTimersChanged();
}

void Timer::Cancel() {
  if (!armed_) return;
  armed_ = false;
  scheduler_.timers().timers_.erase(position_);
  callback_ = nullptr;
}

void DeferredList::Run() {
  while (head_ != nullptr) {
    Deferred& first = *head_;
    first.Cancel();
    first.callback_();
  }
}

void Deferred::RequestOn(DeferredList& list) {
  if (list_ != nullptr) return;
  list_ = &list;
  previous_ = list.tail_;
  next_ = nullptr;
  (list.tail_ != nullptr ? list.tail_->next_ : list.head_) = this;
  list.tail_ = this;
}

void Deferred::Cancel() {
  if (list_ == nullptr) return;
  (previous_ != nullptr ? previous_->next_ : list_->head_) = next_;
  (next_ != nullptr ? next_->previous_ : list_->tail_) = previous_;
  list_ = nullptr;
  previous_ = next_ = nullptr;
}

}  // namespace hawser::base
