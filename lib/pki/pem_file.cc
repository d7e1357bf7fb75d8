#include "lib/pki/pem_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "absl/cleanup/cleanup.h"
#include "lib/base/status.h"

namespace hawser::pki {
namespace {

constexpr size_t kMaxFile = 1024 * 1024;

absl::Status WriteAll(int fd, const std::string& content) {
  for (size_t done = 0; done < content.size();) {
    const ssize_t count = ::write(fd, content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::ErrnoStatus(errno, "write");
    done += static_cast<size_t>(count);
  }
  return ::fsync(fd) == 0 ? absl::OkStatus() : base::ErrnoStatus(errno, "sync");
}

// Makes a rename in the folder of `path` survive a crash.
absl::Status SyncFolder(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return base::ErrnoStatus(errno, "open the folder");
  const auto close = absl::MakeCleanup([fd] { ::close(fd); });
  return ::fsync(fd) == 0 ? absl::OkStatus() : base::ErrnoStatus(errno, "sync the folder");
}

}  // namespace

absl::StatusOr<std::string> ReadPemFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return base::ErrnoStatus(errno, "read " + path);
  const auto close = absl::MakeCleanup([fd] { ::close(fd); });
  std::string content;
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::ErrnoStatus(errno, "read " + path);
    if (count == 0) return content;
    content.append(buffer, static_cast<size_t>(count));
    if (content.size() > kMaxFile)
      return absl::InvalidArgumentError("read " + path + ": larger than 1 MiB");
  }
}

absl::Status WritePemFile(const std::string& path, const std::string& pem, mode_t mode,
                          const std::optional<FileOwner>& owner) {
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return base::ErrnoStatus(errno, "write " + path);
  absl::Status status;
  if (owner.has_value() && ::fchown(fd, owner->user, owner->group) != 0)
    status = base::ErrnoStatus(errno, "set the owner");
  // After the owner, which takes some modes away.
  if (status.ok() && ::fchmod(fd, mode) != 0) status = base::ErrnoStatus(errno, "set the mode");
  if (status.ok()) status = WriteAll(fd, pem);
  ::close(fd);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0)
    status = base::ErrnoStatus(errno, "rename");
  if (status.ok()) {
    status = SyncFolder(path);
  } else {
    ::unlink(temporary.c_str());
  }
  return base::Annotate(status, "write " + path);
}

}  // namespace hawser::pki
