#include "hub/routed_dial.h"

#include <algorithm>
#include <utility>

#include "hub/agent_session.h"

namespace hawser::hub {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

namespace {

// How long an agent may leave a dial unanswered before it is asked whether it is there, and how
// long it may then say nothing before it counts as silent.
constexpr base::Duration kPatience = std::chrono::milliseconds(700);

std::optional<Failure> Refusal(tunnel::MemoryBudget* budget, const char* for_share,
                               const char* for_total) {
  const auto scope = budget == nullptr ? std::nullopt : budget->RefusesDial();
  if (!scope) return std::nullopt;
  const bool share = *scope == tunnel::MemoryBudget::Scope::kShare;
  return Failure{Reason::kOverloaded, Hop::kHub, share ? for_share : for_total};
}

std::optional<Failure> ShortOfMemory(const RoutedDial::Request& request) {
  auto refusal = Refusal(request.memory.get(),
                         "too many bytes are queued for connections of this client "
                         "(--max-buffered-bytes-per-identity)",
                         "memory for queued bytes is short (--max-buffered-bytes)");
  if (refusal) return refusal;
  return Refusal(request.connection_memory.get(),
                 "this client has as many connections as it may "
                 "(--max-connection-bytes-per-identity)",
                 "memory for connections is short (--max-buffered-bytes)");
}

}  // namespace

std::shared_ptr<RoutedDial> RoutedDial::Start(SessionRegistry& registry, Shard& here,
                                              Request request, std::unique_ptr<Dialler> dialler) {
  const std::shared_ptr<RoutedDial> dial(
      new RoutedDial(registry, here, std::move(request), std::move(dialler)));
  dial->Begin();
  return dial;
}

void RoutedDial::Begin() {
  if (const auto failure = ShortOfMemory(request_)) {
    Finish(&*failure);
    return;
  }
  auto resolved = registry_.Resolve(request_.target.host);
  if (const auto* failure = std::get_if<Failure>(&resolved)) {
    Finish(failure);
    return;
  }
  destination_ = std::get<tunnel::Destination>(std::move(resolved));
  auto reserved = registry_.Reserve(*destination_, request_.client, std::nullopt);
  if (const auto* failure = std::get_if<Failure>(&reserved)) {
    Finish(failure);
  } else {
    GoTo(std::get<DialLease>(std::move(reserved)));
  }
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
  if (found == shard.agents.end() || found->second->left()) {
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
       request_.client, request_.memory},
      std::move(attempt.endpoint),
      [self = shared_from_this()](const Failure* failure) { self->OnAnswer(failure); });
  if (retried_) return;
  patience_ = std::make_unique<base::Timer>(shard.loop());
  patience_->Set(kPatience, [this] { AskForLife(); });
}

void RoutedDial::AskForLife() {
  Shard& shard = lease_->shard();
  const auto found = shard.agents.find(lease_->session());
  if (found == shard.agents.end()) return;
  AgentSession& session = *found->second;
  session.AskForLife();
  // On a long way an answer takes as long as it takes.
  const base::Duration patience = std::max(kPatience, 2 * session.stream()->RoundTrip());
  patience_->Set(patience, [this, now = shard.loop().Now()] { LeaveSilent(now); });
}

void RoutedDial::LeaveSilent(base::Time asked_at) {
  const auto self = shared_from_this();
  Shard& shard = lease_->shard();
  const auto found = shard.agents.find(lease_->session());
  if (found == shard.agents.end() || found->second->HeardSince(asked_at)) return;
  AgentSession& session = *found->second;
  session.OnSilent();
  if (cancelled_) return;
  auto lease = registry_.ReserveElsewhere(*destination_, request_.client, lease_->session());
  if (!lease) return;
  // Its place goes with it to the other agent.
  const bool asked = session.CancelDial(*std::exchange(pending_, std::nullopt));
  patience_.reset();
  if (early_sent_ && asked) {
    // The target may have them. Who dials again comes to another agent.
    const Failure failure{Reason::kAgentLost, Hop::kHub,
                          "the agent does not answer, and may have the first bytes"};
    OnAnswer(&failure);
    return;
  }
  retried_ = true;
  GoTo(*std::move(lease));
}

void RoutedDial::OnAnswer(const Failure* failure) {
  pending_.reset();
  patience_.reset();
  const SessionRegistry::Handle session = lease_->session();
  lease_.reset();
  // The target was not even asked: of a lost agent that is certain only when it had no bytes for
  // it. Another replica, on another node, may ask other name servers.
  const bool not_asked =
      failure != nullptr &&
      ((failure->reason == Reason::kAgentLost && !early_sent_) ||
       failure->reason == Reason::kOverloaded || failure->reason == Reason::kLookupFailed);
  if (not_asked && !cancelled_ && !std::exchange(retried_, true)) {
    auto reserved = registry_.Reserve(*destination_, request_.client, session);
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
  if (found != shard.agents.end())
    found->second->CancelDial(*pending_, std::make_shared<DialLease>(*std::move(lease_)));
  Drop(shard);
}

void RoutedDial::Drop(Shard& shard) {
  ++shard.counters.failed_dials[static_cast<size_t>(Reason::kCancelled)];
  pending_.reset();
  patience_.reset();
  lease_.reset();
  dialler_.reset();
}

}  // namespace hawser::hub
