// Whose bearer token is this? The API server knows (authentication.k8s.io/v1 TokenReview); answers
// are kept for a while, by the token's SHA-256, never the token itself.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/kube/client.h"

namespace hawser::kube {

struct TokenIdentity {
  bool authenticated = false;
  std::string username;  // "system:serviceaccount:<namespace>:<name>"
  std::vector<std::string> groups;
  std::vector<std::string> audiences;

  bool operator==(const TokenIdentity&) const = default;
};

// Threads: any; Review() may wait for the API server, Known() waits for nothing.
class TokenReviewer {
 public:
  struct Options {
    // The token must be meant for one of them; for the API server itself when empty.
    std::vector<std::string> audiences;
    // How long a token that was revoked may still be accepted, and a refused one be refused.
    base::Duration keep_accepted = std::chrono::minutes(1);
    base::Duration keep_refused = std::chrono::seconds(10);
    size_t max_kept = 10'000;
    base::Duration timeout = std::chrono::seconds(10);

    std::function<base::Time()> now = base::Clock::now;
  };

  // The client outlives the reviewer.
  TokenReviewer(Client& client, Options options) : client_(client), options_(std::move(options)) {}

  // An error says that nobody knows now, not that the token is bad: then `authenticated` is false.
  // kCancelled when a stop is requested meanwhile.
  absl::StatusOr<TokenIdentity> Review(const std::string& token, const std::stop_token& stop = {});
  // What Review() would say without asking, if it would.
  std::optional<TokenIdentity> Known(const std::string& token) const;
  size_t kept() const;

 private:
  struct Kept {
    TokenIdentity identity;
    base::Time until;
    std::list<std::string>::iterator age;
  };

  absl::StatusOr<TokenIdentity> Ask(const std::string& token, const std::stop_token& stop);
  void Keep(const std::string& hash, const TokenIdentity& identity);

  Client& client_;
  const Options options_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::map<std::string, Kept> kept_;  // by hash
  std::list<std::string> ages_;       // hashes, the oldest first
};

}  // namespace hawser::kube
