// The configuration file, read again when it changes.
//
// Threads: one.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "hub/config_file.h"
#include "lib/base/file_stamp.h"

namespace hawser::hub {

class ConfigWatch {
 public:
  // `path` was read already when the process began; empty: there is no file.
  explicit ConfigWatch(const std::string& path);

  // What is in the file, when it has changed since it was read last; nothing when it has not.
  // Errors are reported once per change.
  absl::StatusOr<std::optional<ConfigFile>> Refresh();

 private:
  const std::string path_;
  base::FileStamp stamp_;
};

}  // namespace hawser::hub
