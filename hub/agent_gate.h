// An agent's stream while its token is being checked: it becomes a session when the answer is good,
// and ends with the reason otherwise. Nothing that the agent sends before is taken.
//
// Threads: its shard's. Owned by its transport.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "hub/token_authenticator.h"
#include "lib/base/scheduler.h"
#include "lib/net/message_stream.h"

namespace hawser::hub {

class AgentGate final : public net::StreamHandler {
 public:
  struct Ways {
    // Makes the session of an agent that was let in.
    absl::AnyInvocable<std::unique_ptr<net::StreamHandler>()> open;
    // Told once about one that was not; the status that its stream ends with.
    absl::AnyInvocable<absl::Status(const absl::Status& verdict)> refuse;
  };

  // `authenticator` outlives the gate. `token` is empty when the agent sent none.
  AgentGate(TokenAuthenticator& authenticator, std::string token, Ways ways);

  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override;
  void OnHeaders(const net::Metadata&) override {}
  void Produce(net::MessageBatch& batch) override;
  absl::Status OnMessageStart(size_t size) override;
  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override;
  void OnRemoteEnd(const absl::Status& status) override;
  bool EndSome(const absl::Status& status) override;
  void OnClosed(const absl::Status& status) override;

 private:
  void Decide(const absl::Status& verdict);

  TokenAuthenticator& authenticator_;
  std::string token_;
  Ways ways_;
  net::MessageStream* stream_ = nullptr;  // while it waits
  net::Metadata headers_;
  std::unique_ptr<base::Timer> deadline_;
  std::unique_ptr<net::StreamHandler> session_;
  std::shared_ptr<AgentGate*> self_;  // what an answer finds, while it is waited for
};

// The token of an `authorization` header, "Bearer <token>"; empty when there is none.
std::string BearerToken(const net::Metadata& headers);

}  // namespace hawser::hub
