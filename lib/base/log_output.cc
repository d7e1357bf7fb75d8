#include "lib/base/log_output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_format.h"

namespace hawser::base {
namespace {

std::string Line(const std::string& text) {
  constexpr size_t kLongestEscape = 4;
  constexpr size_t kEnd = 1;
  std::string line;
  for (const char c : text) {
    if (line.size() > LogOutput::kMaxLine - kLongestEscape - kEnd) break;
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      line += absl::StrFormat("\\x%02x", c);
    } else {
      line += c;
    }
  }
  return line + '\n';
}

}  // namespace

void LogOutput::Write(const std::string& text) {
  if (lost_ > 0) {
    const std::string torn_end = torn_ ? "\n" : "";
    if (TryWrite(torn_end + std::to_string(lost_) + " log lines lost\n")) lost_ = 0;
  }
  if (lost_ > 0 || !TryWrite(Line(text))) ++lost_;
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
