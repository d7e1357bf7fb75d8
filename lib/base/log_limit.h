// Bounds a kind of log line that others can cause as often as they like, so that nobody can fill a
// disk: a burst, then one line per interval, each with the number of lines left out before it.
//
//   base::LogLimit refusals_;
//   ...
//   if (const auto admitted = refusals_.Admit(now))
//     LOG(WARNING) << "connection from " << peer << " refused" << *admitted;
//
// Threads: any.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <ostream>

#include "lib/base/scheduler.h"

namespace hawser::base {

class LogLimit {
 public:
  struct Options {
    uint64_t burst = 100;
    Duration interval = std::chrono::seconds(1);
  };
  // Prints as nothing, or as " (17 lines like this were left out)".
  struct Admitted {
    uint64_t left_out;  // since the line before
  };

  LogLimit() : LogLimit(Options{}) {}
  explicit LogLimit(const Options& options) : options_(options), lines_(options.burst) {}
  LogLimit(const LogLimit&) = delete;
  LogLimit& operator=(const LogLimit&) = delete;

  // Asked once per line: nothing when it is to be left out.
  std::optional<Admitted> Admit(Time now);

 private:
  const Options options_;
  std::mutex mutex_;  // guards all below
  uint64_t lines_;    // that may be written now
  uint64_t left_out_ = 0;
  Time refilled_at_{};  // since then time counts towards the next line
};

std::ostream& operator<<(std::ostream& out, const LogLimit::Admitted& admitted);

}  // namespace hawser::base
