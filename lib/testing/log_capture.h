// Everything that is logged while it lives.
//
// Threads: any may log.
#pragma once

#include <glog/logging.h>

#include <condition_variable>
#include <mutex>
#include <string>

namespace hawser::testing {

class LogCapture final : public google::LogSink {
 public:
  LogCapture() { google::AddLogSink(this); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  ~LogCapture() override { google::RemoveLogSink(this); }

  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  // Waits until something with this in it is logged.
  void Await(const std::string& part) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return text_.find(part) != std::string::npos; });
  }

 private:
  void send(google::LogSeverity, const char*, const char*, int, const struct ::tm*,
            const char* message, size_t size) override {
    const std::lock_guard lock(mutex_);
    text_ += std::string(message, size) + "\n";
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;  // guarded by mutex_
};

}  // namespace hawser::testing
