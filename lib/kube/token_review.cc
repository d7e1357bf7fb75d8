#include "lib/kube/token_review.h"

#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"

namespace hawser::kube {
namespace {

const Resource kTokenReviews{.group = "authentication.k8s.io",
                             .version = "v1",
                             .plural = "tokenreviews",
                             .namespaced = false};

// No token of Kubernetes comes near.
constexpr size_t kMaxToken = 16 * 1024;

std::string Sha256(const std::string& text) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

std::vector<std::string> Strings(const Object* list) {
  std::vector<std::string> strings;
  if (list == nullptr || !list->is_array()) return strings;
  for (const Object& item : *list)
    if (item.is_string()) strings.push_back(item.get<std::string>());
  return strings;
}

}  // namespace

std::optional<TokenIdentity> TokenReviewer::Known(const std::string& token) const {
  const auto fits = [](char c) { return c > ' ' && c < '\x7f'; };
  // Not worth a question.
  if (token.empty() || token.size() > kMaxToken || !std::all_of(token.begin(), token.end(), fits))
    return TokenIdentity();
  const std::string hash = Sha256(token);
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(hash);
  if (found == kept_.end() || options_.now() >= found->second.until) return std::nullopt;
  return found->second.identity;
}

absl::StatusOr<TokenIdentity> TokenReviewer::Review(const std::string& token,
                                                    const std::stop_token& stop) {
  if (auto known = Known(token)) return *std::move(known);
  HAWSER_ASSIGN_OR_RETURN(TokenIdentity identity, Ask(token, stop));
  Keep(Sha256(token), identity);
  return identity;
}

absl::StatusOr<TokenIdentity> TokenReviewer::Ask(const std::string& token,
                                                 const std::stop_token& stop) {
  Object review = {{"apiVersion", kTokenReviews.ApiVersion()},
                   {"kind", "TokenReview"},
                   {"spec", {{"token", token}}}};
  if (!options_.audiences.empty()) review["spec"]["audiences"] = options_.audiences;
  HAWSER_ASSIGN_OR_RETURN(
      const Object answer,
      client_.Create(kTokenReviews, review, {.timeout = options_.timeout, .stop = stop}));
  const Object* authenticated = Find(answer, {"status", "authenticated"});
  TokenIdentity identity;
  if (authenticated == nullptr || *authenticated != true) return identity;
  identity.username = StringAt(answer, {"status", "user", "username"});
  identity.groups = Strings(Find(answer, {"status", "user", "groups"}));
  identity.audiences = Strings(Find(answer, {"status", "audiences"}));
  // An API server that does not know of audiences says yes without naming one.
  const auto& wanted = options_.audiences;
  identity.authenticated =
      !identity.username.empty() &&
      (wanted.empty() ||
       std::find_first_of(wanted.begin(), wanted.end(), identity.audiences.begin(),
                          identity.audiences.end()) != wanted.end());
  return identity.authenticated ? identity : TokenIdentity();
}

void TokenReviewer::Keep(const std::string& hash, const TokenIdentity& identity) {
  const std::lock_guard lock(mutex_);
  const base::Duration time =
      identity.authenticated ? options_.keep_accepted : options_.keep_refused;
  Kept& kept = kept_[hash];
  if (kept.age != std::list<std::string>::iterator()) ages_.erase(kept.age);
  ages_.push_back(hash);
  kept = {identity, options_.now() + time, std::prev(ages_.end())};
  while (kept_.size() > options_.max_kept) {
    kept_.erase(ages_.front());
    ages_.pop_front();
  }
}

size_t TokenReviewer::kept() const {
  const std::lock_guard lock(mutex_);
  return kept_.size();
}

}  // namespace hawser::kube
