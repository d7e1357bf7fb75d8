#include "lib/base/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "absl/cleanup/cleanup.h"
#include "lib/base/status.h"

namespace hawser::base {

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t most) {
  const std::string what = "read " + path;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, what);
  const absl::Cleanup close_file = [fd] { ::close(fd); };
  std::string text;
  char piece[16 * 1024];
  while (text.size() <= most) {
    const ssize_t count = ::read(fd, piece, sizeof piece);
    if (count == 0) return text;
    if (count > 0) {
      text.append(piece, static_cast<size_t>(count));
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, what);
    }
  }
  return absl::InvalidArgumentError(what + ": longer than " + std::to_string(most / 1024) + " KiB");
}

}  // namespace hawser::base
