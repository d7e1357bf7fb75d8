// What name servers have said lately.
//
// Threads: one.
#pragma once

#include <asio/ip/address.hpp>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/base/seeded_hash.h"

namespace hawser::net::dns {

class AnswerCache {
 public:
  using Addresses = std::vector<asio::ip::address>;

  // An answer is kept for a second at least, so that many dials at a time make one lookup, and not
  // for long, because the pods behind a name come and go.
  static constexpr base::Duration kMinLife = std::chrono::seconds(1);
  static constexpr base::Duration kMaxLife = std::chrono::seconds(30);
  // Of "no such host" and of faults (RFC 9520): who has mended them should not have to wait.
  static constexpr base::Duration kFailureLife = std::chrono::seconds(1);

  // Of more than `max_entries` answers those that were not wanted for the longest time go.
  explicit AnswerCache(size_t max_entries) : max_entries_(max_entries) {}

  // Groups of addresses of equal rank. `ttl` as the name server has it.
  void Put(const std::string& name, std::vector<Addresses> groups, base::Duration ttl,
           base::Time now);
  void Put(const std::string& name, absl::Status failure, base::Time now);
  // The answer, if there is one that still holds. Addresses of equal rank take turns at being the
  // first, as they do in the answers of name servers.
  std::optional<absl::StatusOr<Addresses>> Find(const std::string& name, base::Time now);

  void Forget(const std::string& name);
  void Clear();
  size_t size() const { return by_name_.size(); }

 private:
  struct Entry {
    std::string name;
    absl::Status failure;
    std::vector<Addresses> groups;
    base::Time expires;
  };
  void Put(Entry entry);

  const size_t max_entries_;
  std::list<Entry> entries_;  // those wanted last are in front
  std::unordered_map<std::string, std::list<Entry>::iterator, base::SeededHash> by_name_;
};

}  // namespace hawser::net::dns
