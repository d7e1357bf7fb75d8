#include "lib/net/event_loop.h"

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <utility>

namespace hawser::net {

EventLoop::EventLoop()
    : now_(base::Clock::now()),
      read_batch_(new uint8_t[kReadBatch]),
      write_batch_(new uint8_t[kWriteBatch]),
      io_(1),
      timer_(io_) {}

EventLoop::~EventLoop() { timers().Clear(); }

void EventLoop::Run() {
  auto work = asio::make_work_guard(io_);
  io_.run();
}

void EventLoop::Stop() { io_.stop(); }

void EventLoop::Post(base::Closure work) {
  asio::post(io_, [this, work = std::move(work)]() mutable { RunTurn(work); });
}

bool EventLoop::InLoopThread() const {
  return const_cast<asio::io_context&>(io_).get_executor().running_in_this_thread();
}

void EventLoop::BeginTurn() {
  if (depth_++ == 0) now_ = base::Clock::now();
}

void EventLoop::EndTurn() {
  if (depth_ == 1) {
    do {
      sinks().Run();
      flushes().Run();
    } while (!sinks().empty());
  }
  --depth_;
}

void EventLoop::OnTimersChanged() {
  const base::Time next = timers().next();
  // A later wake-up is harmless; only an earlier one needs the timer moved.
  if (next >= armed_for_) return;
  if (next <= now_) {
    // Due at once, as most timers are that only ask for a turn of their own: no system call.
    if (std::exchange(due_turn_posted_, true)) return;
    asio::post(io_, [this] {
      due_turn_posted_ = false;
      RunTimers();
    });
    return;
  }
  armed_for_ = next;
  timer_.expires_at(next);
  timer_.async_wait([this](asio::error_code error) {
    if (error) return;  // moved to an earlier time
    armed_for_ = base::Time::max();
    RunTimers();
  });
}

void EventLoop::RunTimers() {
  RunTurn([this] {
    timers().RunDue(now_);
    OnTimersChanged();
  });
}

}  // namespace hawser::net
