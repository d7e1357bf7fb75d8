#include "lib/kube/work_queue.h"

#include <algorithm>
#include <utility>

namespace hawser::kube {

WorkQueue::WorkQueue(Options options)
    : options_(std::move(options)),
      bucket_(options_.rate, std::max(options_.burst, 1.0), options_.now()) {}

void WorkQueue::Add(const std::string& key) {
  const std::lock_guard lock(mutex_);
  Enqueue(key, entries_[key]);
}

void WorkQueue::Enqueue(const std::string& key, Entry& entry) {
  if (entry.queued) return;
  entry.queued = true;
  if (entry.processing) return;
  ready_.push_back(key);
  changed_.notify_one();
}

void WorkQueue::AddAfter(const std::string& key, base::Duration delay) {
  const std::lock_guard lock(mutex_);
  Delay(key, delay);
}

void WorkQueue::Delay(const std::string& key, base::Duration delay) {
  Entry& entry = entries_[key];
  if (delay <= base::Duration::zero()) return Enqueue(key, entry);
  const base::Time due = options_.now() + delay;
  if (entry.due.has_value()) {
    if (*entry.due <= due) return;
    const auto [begin, end] = delayed_.equal_range(*entry.due);
    delayed_.erase(std::find_if(begin, end, [&](const auto& at) { return at.second == key; }));
  }
  entry.due = due;
  delayed_.emplace(due, key);
  changed_.notify_one();
}

base::Duration WorkQueue::AddRateLimited(const std::string& key) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  if (!entry.failures.has_value())
    entry.failures.emplace(options_.first_delay, options_.longest_delay);
  const base::Duration delay =
      std::max(entry.failures->Next(options_.random()), bucket_.Take(options_.now()));
  Delay(key, delay);
  return delay;
}

void WorkQueue::Forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  entry->second.failures.reset();
  if (entry->second.idle()) entries_.erase(entry);
}

void WorkQueue::MoveDue() {
  const base::Time now = options_.now();
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const std::string key = std::move(delayed_.begin()->second);
    delayed_.erase(delayed_.begin());
    Entry& entry = entries_[key];
    entry.due.reset();
    Enqueue(key, entry);
  }
}

std::optional<std::string> WorkQueue::TakeReady() {
  MoveDue();
  if (ready_.empty()) return std::nullopt;
  std::string key = std::move(ready_.front());
  ready_.pop_front();
  Entry& entry = entries_[key];
  entry.queued = false;
  entry.processing = true;
  return key;
}

std::optional<std::string> WorkQueue::TryGet() {
  const std::lock_guard lock(mutex_);
  return TakeReady();
}

std::optional<std::string> WorkQueue::Get(const std::stop_token& stop) {
  // Stopping takes the lock: who is about to wait does not miss it.
  const std::stop_callback wake(stop, [this] {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (auto key = TakeReady()) return key;
    if (delayed_.empty()) {
      changed_.wait(lock);
    } else {
      changed_.wait_for(lock, delayed_.begin()->first - options_.now());
    }
  }
  return std::nullopt;
}

void WorkQueue::Done(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.processing = false;
  if (std::exchange(entry.queued, false)) {
    Enqueue(key, entry);
  } else if (entry.idle()) {
    entries_.erase(found);
  }
}

size_t WorkQueue::size() const {
  const std::lock_guard lock(mutex_);
  return ready_.size();
}

}  // namespace hawser::kube
