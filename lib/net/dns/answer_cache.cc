#include "lib/net/dns/answer_cache.h"

#include <algorithm>
#include <utility>

namespace hawser::net::dns {

void AnswerCache::Put(const std::string& name, std::vector<Addresses> groups, base::Duration ttl,
                      base::Time now) {
  Put({name, absl::OkStatus(), std::move(groups), now + std::clamp(ttl, kMinLife, kMaxLife)});
}

void AnswerCache::Put(const std::string& name, absl::Status failure, base::Time now) {
  Put({name, std::move(failure), {}, now + kFailureLife});
}

void AnswerCache::Put(Entry entry) {
  Forget(entry.name);
  if (by_name_.size() >= max_entries_) Forget(std::string(entries_.back().name));
  entries_.push_front(std::move(entry));
  by_name_[entries_.front().name] = entries_.begin();
}

std::optional<absl::StatusOr<AnswerCache::Addresses>> AnswerCache::Find(const std::string& name,
                                                                        base::Time now) {
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return std::nullopt;
  Entry& entry = *at->second;
  if (entry.expires <= now) {
    Forget(name);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, at->second);
  if (!entry.failure.ok()) return entry.failure;
  Addresses addresses;
  for (Addresses& group : entry.groups) {
    addresses.insert(addresses.end(), group.begin(), group.end());
    std::rotate(group.begin(), group.begin() + 1, group.end());
  }
  return addresses;
}

void AnswerCache::Forget(const std::string& name) {
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return;
  entries_.erase(at->second);
  by_name_.erase(at);
}

void AnswerCache::Clear() {
  by_name_.clear();
  entries_.clear();
}

}  // namespace hawser::net::dns
