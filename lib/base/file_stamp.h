// Tells one version of a file from another without reading it.
#pragma once

#include <cstdint>
#include <string>

namespace hawser::base {

// Kubernetes swaps the folder that a path leads through, others write in place: the inode tells of
// the former, size and times of the latter. Owner and mode are part of a version: whether a file
// may be read depends on them, and only the time of its last change of status tells of theirs. All
// zero for a file that is not there.
struct FileStamp {
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_seconds = 0;
  int64_t modified_nanoseconds = 0;
  int64_t changed_seconds = 0;
  int64_t changed_nanoseconds = 0;

  bool operator==(const FileStamp&) const = default;
};

FileStamp ReadFileStamp(const std::string& path);

}  // namespace hawser::base
