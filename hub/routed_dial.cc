#include "hub/routed_dial.h"

#include <utility>

#include "hub/agent_session.h"

namespace hawser::hub {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

std::shared_ptr<RoutedDial> RoutedDial::Start(SessionRegistry& registry, Shard& here,
                                              Request request, std::unique_ptr<Dialler> dialler) {
  const std::shared_ptr<RoutedDial> dial(
      new RoutedDial(registry, here, std::move(request), std::move(dialler)));
  auto reserved = registry.Reserve(dial->request_.target.host, std::nullopt);
  if (const auto* failure = std::get_if<Failure>(&reserved)) {
    dial->Finish(failure);
  } else {
    dial->GoTo(std::get<DialLease>(std::move(reserved)));
  }
  return dial;
}

RoutedDial::RoutedDial(SessionRegistry& registry, Shard& here, Request request,
                       std::unique_ptr<Dialler> dialler)
    : registry_(registry),
      request_(std::move(request)),
      started_(here.loop().Now()),
      deadline_(started_ + request_.timeout),
      at_(&here),
      dialler_(std::move(dialler)) {}

void RoutedDial::GoTo(DialLease lease) {
  lease_.emplace(std::move(lease));
  Shard& shard = lease_->shard();
  at_ = &shard;
  dialler_->MoveTo(shard, [self = shared_from_this()] { self->DialHere(); });
}

void RoutedDial::DialHere() {
  Shard& shard = lease_->shard();
  if (cancelled_) {
    Drop(shard);
    return;
  }
  const auto found = shard.agents.find(lease_->session());
  if (found == shard.agents.end()) {
    shard.counters.CountStreamError("to_agent", absl::UnavailableError(""), "DIAL_REQ");
    const Failure lost{Reason::kAgentLost, Hop::kHub, "the agent's session has just ended"};
    OnAnswer(&lost);
    return;
  }
  AgentSession& session = *found->second;
  Dialler::Attempt attempt = dialler_->Prepare(shared_from_this(), shard, session.early_limit());
  early_sent_ = !attempt.early.empty();
  pending_ = session.StartDial(
      {FormatHostPort(request_.target), std::move(attempt.early), deadline_ - shard.loop().Now(),
       request_.client},
      std::move(attempt.endpoint),
      [self = shared_from_this()](const Failure* failure) { self->OnAnswer(failure); });
}

void RoutedDial::OnAnswer(const Failure* failure) {
  pending_.reset();
  const SessionRegistry::Handle session = lease_->session();
  lease_.reset();
  // The target was not even asked. Another replica, on another node, may ask other name servers.
  const bool not_asked = failure != nullptr && (failure->reason == Reason::kAgentLost ||
                                                failure->reason == Reason::kOverloaded ||
                                                failure->reason == Reason::kLookupFailed);
  if (not_asked && !early_sent_ && !cancelled_ && !std::exchange(retried_, true)) {
    auto reserved = registry_.Reserve(request_.target.host, session);
    if (auto* lease = std::get_if<DialLease>(&reserved)) {
      GoTo(std::move(*lease));
      return;
    }
  }
  Finish(failure);
}

void RoutedDial::Finish(const Failure* failure) {
  Shard& shard = *at_;
  if (failure == nullptr) {
    shard.counters.dials.Observe(shard.loop().Now() - started_);
  } else {
    ++shard.counters.failed_dials[static_cast<size_t>(failure->reason)];
  }
  const std::unique_ptr<Dialler> dialler = std::move(dialler_);
  dialler->OnDialed(shard, failure);
}

void RoutedDial::Cancel() {
  // Stored before `at_` is read: either the dial sees it when it arrives, or it is found here.
  cancelled_ = true;
  Shard& shard = *at_;
  shard.loop().Post([self = shared_from_this(), &shard] { self->CancelHere(shard); });
}

void RoutedDial::CancelHere(Shard& shard) {
  // Moved on, not yet arrived (then DialHere() sees `cancelled_`), or over.
  if (at_ != &shard || !pending_) return;
  const auto found = shard.agents.find(lease_->session());
  if (found != shard.agents.end()) found->second->CancelDial(*pending_);
  Drop(shard);
}

void RoutedDial::Drop(Shard& shard) {
  ++shard.counters.failed_dials[static_cast<size_t>(Reason::kCancelled)];
  pending_.reset();
  lease_.reset();
  dialler_.reset();
}

}  // namespace hawser::hub
