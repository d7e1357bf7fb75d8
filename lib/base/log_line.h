// One log line, as klog writes it, so that what reads Kubernetes' logs reads ours:
//
//   I1121 08:34:41.123456   28888 hub.cc:42] serving agents on [::]:8091
//
// or as a JSON object with the names that Kubernetes' components use:
//
//   {"ts":1795250081.123456,"level":"info","caller":"hub.cc:42","msg":"serving agents ..."}
#pragma once

#include <glog/logging.h>

#include <cstdint>
#include <string>

namespace hawser::base {

enum class LogFormat { kText, kJson };

// Longest line without its end, bytes: with it, what a pipe with any room takes whole (PIPE_BUF).
inline constexpr size_t kMaxLogLine = 4095;

struct LogRecord {
  google::LogSeverity severity;
  std::string file;  // as it is shown
  int line;
  google::LogMessageTime time;
  int thread;
  std::string message;
};

// One line without its end: control characters are escaped, too long messages are cut. `header`: of
// text, all that stands before the message.
std::string LogLine(LogFormat format, bool header, const LogRecord& record);

// Tells how many lines are missing.
std::string LostLogLines(LogFormat format, uint64_t count);

}  // namespace hawser::base
