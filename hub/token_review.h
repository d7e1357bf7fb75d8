// Agents' tokens as the Kubernetes API knows them: asks it (TokenReview) on threads of its own.
//
// What the API server cannot answer now, or not in time, is Unavailable: agents come back. Why is
// for the log only, since the one who asks is a stranger yet.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "hub/token_authenticator.h"
#include "lib/base/log_limit.h"
#include "lib/kube/client.h"
#include "lib/kube/token_review.h"

namespace hawser::hub {

class TokenReview final : public TokenAuthenticator {
 public:
  struct Options {
    std::string user;      // the one that agents must be
    std::string audience;  // what their tokens must be for
    kube::Client::Options client;

    size_t threads = 4;         // reviews at a time
    size_t max_waiting = 1000;  // further ones
  };

  TokenReview(kube::Config config, Options options);
  // Ends the reviews under way and drops those that wait.
  ~TokenReview() override;

  // A token that was reviewed a moment ago is decided at once, from within.
  void Authenticate(const std::string& token, Done done) override;

 private:
  struct Question {
    std::string token;
    Done done;
    base::Time until;  // then nobody waits for the answer any more
  };

  void Work(const std::stop_token& stop);
  absl::Status Ask(const Question& question, const std::stop_token& stop);
  absl::Status Decide(const kube::TokenIdentity& identity) const;

  const Options options_;
  kube::Client client_;
  kube::TokenReviewer reviewer_;
  base::LogLimit failures_;
  std::mutex mutex_;
  std::condition_variable_any waiting_changed_;
  std::deque<Question> waiting_;  // guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace hawser::hub
