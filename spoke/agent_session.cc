#include "spoke/agent_session.h"

#include <utility>

#include "lib/tunnel/socket_endpoint.h"

namespace hawser::spoke {

AgentSession::AgentSession(net::EventLoop& loop, net::Resolver& resolver,
                           const tunnel::SessionOptions& options, const TargetRules& rules,
                           Counters& counters, Owner& owner)
    : DialedSession(options),
      loop_(loop),
      resolver_(resolver),
      rules_(rules),
      agent_counters_(counters),
      owner_(owner) {}

void AgentSession::OnHeaders(const net::Metadata& headers) {
  DialedSession::OnHeaders(headers);
  owner_.OnAccepted(headers);
}

void AgentSession::OnClosed(const absl::Status& status) {
  DialedSession::OnClosed(status);
  agent_counters_.ended_sessions.Add(counters());
  owner_.OnSessionClosed(status);
}

void AgentSession::OnDial(Request request) {
  auto& dial = dials_[request.dial_id];
  dial = std::make_unique<TargetDial>(
      loop_, resolver_, this, rules_,
      [this, id = request.dial_id, started = loop_.Now()](auto socket, const auto* failure) {
        OnDialed(id, started, std::move(socket), failure);
      });
  dial->Start(request.protocol, request.address);
}

void AgentSession::OnDialed(int64_t dial_id, base::Time started,
                            std::unique_ptr<net::Socket> socket, const tunnel::Failure* failure) {
  const auto dial = dials_.extract(dial_id);  // the caller: destroyed last
  if (failure != nullptr) {
    ++agent_counters_.failed_dials[static_cast<size_t>(failure->reason)];
    RejectDial(dial_id, *failure);
    if (idle()) owner_.OnIdle();
    return;
  }
  agent_counters_.dials.Observe(loop_.Now() - started);
  AcceptDial(dial_id, tunnel::SocketEndpoint::Make(std::move(socket), "", tunnel::Hop::kTarget));
}

void AgentSession::OnDialCancelled(int64_t dial_id) {
  ++agent_counters_.failed_dials[static_cast<size_t>(tunnel::Reason::kCancelled)];
  dials_.erase(dial_id);
  if (idle()) owner_.OnIdle();
}

void AgentSession::OnConnectionEnded(tunnel::Connection&) {
  if (idle()) owner_.OnIdle();
}

}  // namespace hawser::spoke
