// The configuration file, read again when it changes.
//
// Threads: one.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "hub/agent_identity.h"
#include "lib/base/file_stamp.h"

namespace hawser::hub {

class ConfigWatch {
 public:
  // `path` was read already when the process began; empty: there is no file.
  explicit ConfigWatch(const std::string& path);

  // The grants, when the file has changed since it was read last; nothing when it has not. Errors
  // are reported once per change. Limits are for the next start; that is logged when they differ.
  absl::StatusOr<std::optional<AgentGrants>> Refresh();

 private:
  const std::string path_;
  base::FileStamp stamp_;
  std::map<std::string, std::string> limits_;
};

}  // namespace hawser::hub
