// Log lines written to a descriptor that may be closed, full, or not read by anyone: the line is
// lost then, and counted, but the writer neither waits nor dies.
#pragma once

#include <cstdint>
#include <string>

namespace hawser::base {

class LogOutput {
 public:
  // Longest line, bytes: what a pipe with any room takes whole (PIPE_BUF). Longer ones are cut.
  static constexpr size_t kMaxLine = 4096;

  // Does not own `fd`.
  explicit LogOutput(int fd) : fd_(fd) {}

  // Writes `text` as one line: control characters in it are escaped. The first line that gets
  // through after a loss is preceded by one that tells how many are missing.
  void Write(const std::string& text);

  // Lines lost since the last one that got through.
  uint64_t lost() const { return lost_; }

 private:
  bool TryWrite(const std::string& bytes);

  const int fd_;
  uint64_t lost_ = 0;
  bool torn_ = false;  // the last line was written in part
};

}  // namespace hawser::base
