// Bounds a kind of log line for each of those who cause it, so that one of them neither fills a
// disk nor leaves no line for the others: a few lines each, and a bound on all together.
//
//   base::KeyedLogLimit refusals_;
//   ...
//   if (const auto admitted = refusals_.Admit(now, "cluster paris"))
//     LOG(WARNING) << "agent refused" << *admitted;
//
// Threads: any.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "lib/base/log_limit.h"
#include "lib/base/scheduler.h"

namespace hawser::base {

class KeyedLogLimit {
 public:
  struct Options {
    LogLimit::Options each{.burst = 20, .interval = std::chrono::milliseconds(500)};
    LogLimit::Options all{.burst = 1000, .interval = std::chrono::milliseconds(100)};
    // Told apart at the same time; with more of them everybody begins anew, within `all`.
    size_t max_keys = 10'000;
  };

  KeyedLogLimit() : KeyedLogLimit(Options{}) {}
  explicit KeyedLogLimit(const Options& options) : options_(options), all_(options.all) {}
  KeyedLogLimit(const KeyedLogLimit&) = delete;
  KeyedLogLimit& operator=(const KeyedLogLimit&) = delete;

  // Asked once per line, as LogLimit::Admit().
  std::optional<LogLimit::Admitted> Admit(Time now, const std::string& key);

 private:
  const Options options_;
  LogLimit all_;
  std::mutex mutex_;
  std::map<std::string, LogLimit> each_;  // guarded by mutex_
};

}  // namespace hawser::base
