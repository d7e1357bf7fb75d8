// The configuration file, read again when it changes.
//
// Threads: one.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "hub/config_file.h"
#include "lib/base/file_watch.h"

namespace hawser::hub {

class ConfigWatch {
 public:
  // `path` was read already when the process began; empty: there is no file.
  explicit ConfigWatch(const std::string& path);

  // What is in the file, when it has changed since it was read last, could not be read, or `asked`
  // for; otherwise nothing. Errors are reported once per change and whenever asked.
  absl::StatusOr<std::optional<ConfigFile>> Refresh(bool asked = false);

 private:
  const std::string path_;
  base::FileWatch watch_;
};

}  // namespace hawser::hub
