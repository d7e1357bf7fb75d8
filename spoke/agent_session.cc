#include "spoke/agent_session.h"

#include <utility>

#include "lib/tunnel/socket_endpoint.h"

namespace hawser::spoke {

AgentSession::AgentSession(net::EventLoop& loop, net::Resolver& resolver,
                           const tunnel::SessionOptions& options, const TargetRules& rules,
                           ClientShares& clients, Counters& counters, Owner& owner)
    : DialedSession(options),
      loop_(loop),
      resolver_(resolver),
      rules_(rules),
      clients_(clients),
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
  auto taken = clients_.Take(request.client);
  if (const auto* failure = std::get_if<tunnel::Failure>(&taken)) {
    ++agent_counters_.failed_dials[static_cast<size_t>(failure->reason)];
    RejectDial(request.dial_id, *failure);
    return;
  }
  auto place = std::get<ClientShares::Place>(std::move(taken));
  // One for each client.
  const void* const asker = request.client == 0 ? this : static_cast<void*>(place.memory().get());
  const auto [dial, _] = dials_.try_emplace(
      request.dial_id,
      Dial{std::move(place),
           std::make_unique<TargetDial>(loop_, resolver_, asker, rules_,
                                        [this, id = request.dial_id, started = loop_.Now()](
                                            auto socket, const auto* failure) {
                                          OnDialed(id, started, std::move(socket), failure);
                                        })});
  dial->second.target->Start(request.protocol, request.address);
}

void AgentSession::OnDialed(int64_t dial_id, base::Time started,
                            std::unique_ptr<net::Socket> socket, const tunnel::Failure* failure) {
  auto dial = dials_.extract(dial_id);  // the caller: destroyed last
  if (failure != nullptr) {
    ++agent_counters_.failed_dials[static_cast<size_t>(failure->reason)];
    RejectDial(dial_id, *failure);
    if (idle()) owner_.OnIdle();
    return;
  }
  agent_counters_.dials.Observe(loop_.Now() - started);
  ClientShares::Place place = std::move(dial.mapped().place);
  place.Opened();
  auto memory = place.memory();
  auto target = tunnel::SocketEndpoint::Make(std::move(socket), "", tunnel::Hop::kTarget);
  target->OnDone([place = std::move(place)](const tunnel::Failure*) {});
  AcceptDial(dial_id, std::move(target), std::move(memory));
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
