// Tells one version of a file from another without reading it.
#pragma once

#include <cstdint>
#include <string>

namespace hawser::base {

// Kubernetes swaps the folder that a path leads through, others write in place: the inode tells of
// the former, size and times of the latter; the time of the last change is the system's own, and is
// new also when a copy brings an old time of modification along. All zero for a file that is not
// there.
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
