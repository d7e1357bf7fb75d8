// Who may serve as an agent by the bearer token that it sends: asked once for each session, before
// the session begins.
//
// Threads: Authenticate() on any shard's; `done` may run on any thread.
#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "lib/base/scheduler.h"

namespace hawser::hub {

class TokenAuthenticator {
 public:
  // OK: the agent may serve. kUnauthenticated or kPermissionDenied, with the reason as the agent is
  // to be told it, when it may not; any other code when that cannot be found out now.
  using Done = absl::AnyInvocable<void(const absl::Status& verdict)>;

  // Longest that anybody waits for an answer.
  static constexpr base::Duration kTimeout = std::chrono::seconds(10);

  virtual ~TokenAuthenticator() = default;
  // Runs `done` once, perhaps from within, or drops it when it is itself destroyed. Waits for
  // nothing. `token` is hostile and secret: it appears in no reason.
  virtual void Authenticate(const std::string& token, Done done) = 0;
};

// What an authenticator says of a token of `user` where that of `wanted` is needed.
absl::Status CheckTokenUser(const std::string& user, const std::string& wanted);

}  // namespace hawser::hub
