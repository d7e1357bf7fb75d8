#include "lib/base/keyed_log_limit.h"

namespace hawser::base {

std::optional<LogLimit::Admitted> KeyedLogLimit::Admit(Time now, const std::string& key) {
  const std::lock_guard lock(mutex_);
  auto own = each_.find(key);
  if (own == each_.end()) {
    if (each_.size() >= options_.max_keys) each_.clear();
    own = each_.try_emplace(key, options_.each).first;
  }
  const auto admitted = own->second.Admit(now);
  if (!admitted) return std::nullopt;
  const auto among_all = all_.Admit(now);
  if (!among_all) return std::nullopt;
  return LogLimit::Admitted{admitted->left_out + among_all->left_out};
}

}  // namespace hawser::base
