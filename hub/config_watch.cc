#include "hub/config_watch.h"

#include <glog/logging.h>

#include <utility>

#include "hub/config_file.h"
#include "lib/base/status.h"

namespace hawser::hub {

ConfigWatch::ConfigWatch(const std::string& path) : path_(path) {
  if (path_.empty()) return;
  stamp_ = base::ReadFileStamp(path_);
  if (const auto config = LoadConfigFile(path_); config.ok()) limits_ = config->limits;
}

absl::StatusOr<std::optional<AgentGrants>> ConfigWatch::Refresh() {
  if (path_.empty()) return std::nullopt;
  const base::FileStamp stamp = base::ReadFileStamp(path_);
  if (stamp == stamp_) return std::nullopt;
  stamp_ = stamp;
  HAWSER_ASSIGN_OR_RETURN(auto config, LoadConfigFile(path_));
  if (config.limits != limits_)
    LOG(WARNING) << "limits of " << path_ << " have changed: they take effect at the next start";
  limits_ = std::move(config.limits);
  return std::move(config.grants);
}

}  // namespace hawser::hub
