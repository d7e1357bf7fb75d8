#include "lib/base/file_stamp.h"

#include <sys/stat.h>

namespace hawser::base {

FileStamp ReadFileStamp(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return {};
  return {file.st_ino,          file.st_size,        file.st_mtim.tv_sec,
          file.st_mtim.tv_nsec, file.st_ctim.tv_sec, file.st_ctim.tv_nsec};
}

}  // namespace hawser::base
