#include "hub/config_watch.h"

#include <utility>

namespace hawser::hub {

ConfigWatch::ConfigWatch(const std::string& path) : path_(path), watch_({path}, true) {}

absl::StatusOr<std::optional<ConfigFile>> ConfigWatch::Refresh(bool asked) {
  if (path_.empty() || !watch_.Due(asked)) return std::nullopt;
  auto config = LoadConfigFile(path_);
  const bool news = watch_.Done(config.status());
  if (config.ok()) return std::optional(*std::move(config));
  if (!news) return std::nullopt;
  return config.status();
}

}  // namespace hawser::hub
