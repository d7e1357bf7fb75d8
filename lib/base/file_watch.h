// When files are to be read again: when one of them has changed, at every look for as long as they
// could not be read, and when somebody asks for it.
//
//   if (!watch_.Due()) return absl::OkStatus();
//   const absl::Status status = Read();
//   return watch_.Done(status) ? status : absl::OkStatus();
//
// Threads: one.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/file_stamp.h"

namespace hawser::base {

class FileWatch {
 public:
  // Files of empty path are left out. Nothing was read yet, unless `read` says so.
  explicit FileWatch(std::vector<std::string> paths, bool read = false);

  // Whether to read now. Called before the files are read: a change in between is seen at the next
  // look.
  bool Due(bool asked = false);
  // Called after the files were read. True when the outcome is news: the first one of this version
  // of the files, another one than before, or one that somebody asked for.
  bool Done(const absl::Status& outcome);

 private:
  std::vector<FileStamp> Stamps() const;

  const std::vector<std::string> paths_;
  std::vector<FileStamp> stamps_;  // of the version read last
  bool read_;                      // it was read, and nothing was wrong
  bool news_ = true;
  absl::Status outcome_;
};

}  // namespace hawser::base
