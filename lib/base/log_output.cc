#include "lib/base/log_output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace hawser::base {

void LogOutput::Write(const std::string& line) {
  if (lost_ > 0) {
    const std::string torn_end = torn_ ? "\n" : "";
    if (TryWrite(torn_end + LostLogLines(format_, lost_) + "\n")) lost_ = 0;
  }
  if (lost_ > 0 || !TryWrite(line + "\n")) ++lost_;
}

bool LogOutput::TryWrite(const std::string& bytes) {
  // Not O_NONBLOCK: that would change the descriptor for every process that shares it.
  pollfd ready{.fd = fd_, .events = POLLOUT};
  if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return false;
  ssize_t written;
  do {
    written = write(fd_, bytes.data(), bytes.size());
  } while (written < 0 && errno == EINTR);
  if (written > 0) torn_ = written < bytes.size();
  return written == bytes.size();
}

}  // namespace hawser::base
