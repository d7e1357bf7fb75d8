#include "lib/base/key_file.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/status.h"

namespace hawser::base {
namespace {

bool IsInPodVolume(const std::string& path) {
  struct statfs system {};
  return ::statfs(path.c_str(), &system) == 0 && system.f_type == TMPFS_MAGIC &&
         (system.f_flags & ST_RDONLY) != 0;
}

}  // namespace

bool IsPrivate(mode_t mode, uid_t owner, uid_t reader) {
  const mode_t strangers = mode & (S_IRWXG | S_IRWXO);
  return strangers == 0 || (strangers == S_IRGRP && owner == 0 && reader != 0);
}

absl::Status CheckKeyFilePermissions(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "read key " + path);
  if (IsPrivate(info.st_mode, info.st_uid, geteuid()) || IsInPodVolume(path))
    return absl::OkStatus();
  return absl::FailedPreconditionError("key " + path +
                                       " is accessible to group or others: chmod 600 it");
}

}  // namespace hawser::base
