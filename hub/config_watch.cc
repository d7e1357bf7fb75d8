#include "hub/config_watch.h"

#include "lib/base/status.h"

namespace hawser::hub {

ConfigWatch::ConfigWatch(const std::string& path) : path_(path) {
  if (!path_.empty()) stamp_ = base::ReadFileStamp(path_);
}

absl::StatusOr<std::optional<ConfigFile>> ConfigWatch::Refresh() {
  if (path_.empty()) return std::nullopt;
  const base::FileStamp stamp = base::ReadFileStamp(path_);
  if (stamp == stamp_) return std::nullopt;
  stamp_ = stamp;
  HAWSER_ASSIGN_OR_RETURN(auto config, LoadConfigFile(path_));
  return std::optional(std::move(config));
}

}  // namespace hawser::hub
