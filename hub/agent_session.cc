#include "hub/agent_session.h"

#include <glog/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace hawser::hub {
namespace {

// How often a silent agent is looked at.
constexpr base::Duration kLookForLife = std::chrono::milliseconds(250);

std::string Describe(const AgentIdentity& identity, const net::PeerInfo& peer) {
  return "cluster " + identity.name() + ", agent " +
         (identity.agent_id.empty() ? "(unnamed)" : identity.agent_id) + ", from " + peer.address;
}

}  // namespace

AgentSession::AgentSession(const tunnel::SessionOptions& options, const ServerIdentity& server,
                           AgentIdentity identity, const net::PeerInfo& peer,
                           SessionRegistry& registry, Shard& shard, base::KeyedLogLimit& log)
    : DialingSession(options),
      server_(server),
      identity_(std::move(identity)),
      peer_(peer),
      registry_(registry),
      shard_(shard),
      log_(log) {}

void AgentSession::OnOpen(net::MessageStream& stream, const net::Metadata& headers) {
  DialingSession::OnOpen(stream, headers);
  net::Metadata answer;
  answer.Add("serverid", server_.id);
  answer.Add("servercount", std::to_string(server_.count));
  AnswerFeatures(answer);
  stream.SendHeaders(answer);
  connected_at_ = std::chrono::system_clock::now();
  handle_ = registry_.Add(shard_, identity_);
  ++shard_.counters.accepted_agents;
  shard_.agents[handle_] = this;
  std::string details = ", features " + FeatureList(features());
  if (!identity_.ignored.empty())
    details += "; ignored for want of a grant: " + absl::StrJoin(identity_.ignored, ", ");
  Log("agent connected", details);
}

void AgentSession::AskForLife() {
  if (transport_ != nullptr) transport_->Probe();
}

bool AgentSession::HeardSince(base::Time when) const {
  return transport_ == nullptr || transport_->heard_at() > when;
}

void AgentSession::OnSilent() {
  if (left_ || silence_ != nullptr) return;
  registry_.SetSilent(handle_, true);
  Log("agent silent", ": others of its name are asked first");
  silence_ = std::make_unique<base::Timer>(shard_.loop());
  WaitForLife(shard_.loop().Now());
}

void AgentSession::WaitForLife(base::Time since) {
  silence_->Set(kLookForLife, [this, since] {
    if (!HeardSince(since)) {
      WaitForLife(since);
      return;
    }
    silence_.reset();
    registry_.SetSilent(handle_, false);
  });
}

void AgentSession::OnDrain() {
  registry_.SetDraining(handle_);
  Log("agent draining", "");
}

void AgentSession::OnConnectionEnded(tunnel::Connection& connection) {
  shard_.counters.connections.Observe(shard_.loop().Now() - connection.opened_at());
}

void AgentSession::OnDelivered(tunnel::Connection&, base::Duration waited) {
  shard_.counters.frontend_writes.Observe(waited);
}

bool AgentSession::EndSome(const absl::Status& status) {
  if (!std::exchange(left_, true)) Leave(status);
  return DialingSession::EndSome(status);
}

void AgentSession::Leave(const absl::Status& status) {
  // No dial may choose it again, not even one that is moved on from it now.
  registry_.Remove(handle_);
  silence_.reset();
  ++shard_.counters.ended_sessions[absl::StatusCodeToString(status.code())];
  if (!status.ok()) shard_.counters.CountStreamError("from_agent", status);
  Log("agent gone",
      absl::StrCat(": ", status.ok() ? "it closed the session" : std::string(status.message()),
                   "; connections lost: ", connection_count(), ", dials lost: ", pending_dials()));
}

void AgentSession::OnClosed(const absl::Status& status) {
  DialingSession::OnClosed(status);
  shard_.agents.erase(handle_);
  shard_.counters.agents[identity_.label()].Add(counters());
}

void AgentSession::Log(const std::string& event, const std::string& details) {
  const std::string who = identity_.cluster.empty() ? peer_.host() : identity_.cluster;
  if (const auto line = log_.Admit(shard_.loop().Now(), who))
    LOG(INFO) << event << ": " << Describe(identity_, peer_) << details << *line;
}

std::string FeatureList(const tunnel::Features& features) {
  net::Metadata headers;
  tunnel::Answer(headers, features, features.peer_window);
  const std::string list = headers.Get("hawser-features");
  return list.empty() ? "none" : list;
}

}  // namespace hawser::hub
