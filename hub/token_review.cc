#include "hub/token_review.h"

#include <glog/logging.h>

#include <optional>
#include <utility>

#include "absl/strings/str_replace.h"

namespace hawser::hub {
namespace {

// What is wrong with the API server, without the token, should it quote the question.
std::string WithoutToken(const absl::Status& failure, const std::string& token) {
  return absl::StrReplaceAll(failure.message(), {{token, "[token]"}});
}

}  // namespace

TokenReview::TokenReview(kube::Config config, Options options)
    : options_(std::move(options)),
      client_(std::move(config), options_.client),
      reviewer_(client_, {.audiences = {options_.audience}, .timeout = kTimeout}) {
  for (size_t i = 0; i < options_.threads; ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
}

TokenReview::~TokenReview() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void TokenReview::Authenticate(const std::string& token, Done done) {
  if (const auto known = reviewer_.Known(token)) {
    done(Decide(*known));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < options_.max_waiting) {
      waiting_.push_back({token, std::move(done), base::Clock::now() + kTimeout});
      waiting_changed_.notify_one();
      return;
    }
  }
  done(absl::UnavailableError("too many tokens wait to be checked"));
}

void TokenReview::Work(const std::stop_token& stop) {
  for (;;) {
    std::optional<Question> question;
    {
      std::unique_lock lock(mutex_);
      if (!waiting_changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
      question = std::move(waiting_.front());
      waiting_.pop_front();
    }
    const absl::Status verdict = Ask(*question, stop);
    if (stop.stop_requested()) return;
    question->done(verdict);
  }
}

absl::Status TokenReview::Ask(const Question& question, const std::stop_token& stop) {
  const base::Time now = base::Clock::now();
  if (now >= question.until)
    return absl::UnavailableError("its token could not be checked in time");
  const auto identity = reviewer_.Review(question.token, stop);
  if (identity.ok()) return Decide(*identity);
  if (const auto line = failures_.Admit(now); line && !stop.stop_requested())
    LOG(ERROR) << "agents' tokens cannot be checked: "
               << WithoutToken(identity.status(), question.token) << *line;
  return absl::UnavailableError("its token could not be checked now");
}

absl::Status TokenReview::Decide(const kube::TokenIdentity& identity) const {
  if (!identity.authenticated)
    return absl::UnauthenticatedError("its token is not one of the Kubernetes API for " +
                                      options_.audience);
  return CheckTokenUser(identity.username, options_.user);
}

}  // namespace hawser::hub
