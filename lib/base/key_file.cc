#include "lib/base/key_file.h"

#include <sys/stat.h>

#include "lib/base/status.h"

namespace hawser::base {

absl::Status CheckKeyFilePermissions(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "read key " + path);
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError("key " + path +
                                       " is accessible to group or others: chmod 600 it");
}

}  // namespace hawser::base
