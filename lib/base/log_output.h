// Log lines written to a descriptor that may be closed, full, or not read by anyone: the line is
// lost then, and counted, but the writer neither waits nor dies.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/log_line.h"

namespace hawser::base {

class LogOutput {
 public:
  // Does not own `fd`. `format`: of the line that tells of lost ones.
  LogOutput(int fd, LogFormat format) : fd_(fd), format_(format) {}

  // Writes a line, which comes without its end. The first one that gets through after a loss is
  // preceded by one that tells how many are missing.
  void Write(const std::string& line);

  // Lines lost since the last one that got through.
  uint64_t lost() const { return lost_; }

 private:
  bool TryWrite(const std::string& bytes);

  const int fd_;
  const LogFormat format_;
  uint64_t lost_ = 0;
  bool torn_ = false;  // the last line was written in part
};

}  // namespace hawser::base
