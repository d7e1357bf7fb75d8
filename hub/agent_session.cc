#include "hub/agent_session.h"

#include <glog/logging.h>

#include <utility>

namespace hawser::hub {
namespace {

std::string Describe(const AgentIdentity& identity, const net::PeerInfo& peer) {
  return "cluster " + identity.name() + ", agent " +
         (identity.agent_id.empty() ? "(unnamed)" : identity.agent_id) + ", from " + peer.address;
}

}  // namespace

AgentSession::AgentSession(const tunnel::SessionOptions& options, const ServerIdentity& server,
                           AgentIdentity identity, const net::PeerInfo& peer,
                           SessionRegistry& registry, Shard& shard)
    : DialingSession(options),
      server_(server),
      identity_(std::move(identity)),
      peer_(peer),
      registry_(registry),
      shard_(shard) {}

void AgentSession::OnOpen(net::MessageStream& stream, const net::Metadata& headers) {
  DialingSession::OnOpen(stream, headers);
  net::Metadata answer;
  answer.Add("serverid", server_.id);
  answer.Add("servercount", std::to_string(server_.count));
  AnswerFeatures(answer);
  stream.SendHeaders(answer);
  connected_at_ = std::chrono::system_clock::now();
  handle_ = registry_.Add(shard_, identity_);
  shard_.agents[handle_] = this;
  LOG(INFO) << "agent connected: " << Describe(identity_, peer_) << ", features "
            << FeatureList(features());
  for (const std::string& identifier : identity_.ignored)
    LOG(WARNING) << "agent identifier ignored, cluster " << identity_.cluster
                 << " has no grant for it: " << identifier;
}

void AgentSession::OnDrain() {
  registry_.SetDraining(handle_);
  LOG(INFO) << "agent draining: " << Describe(identity_, peer_);
}

void AgentSession::OnClosed(const absl::Status& status) {
  // No dial may choose it again, not even one that is moved on from it now.
  registry_.Remove(handle_);
  shard_.agents.erase(handle_);
  LOG(INFO) << "agent gone: " << Describe(identity_, peer_) << ": "
            << (status.ok() ? "it closed the session" : std::string(status.message())) << "; "
            << "connections lost: " << connection_count() << ", dials lost: " << pending_dials();
  DialingSession::OnClosed(status);
  shard_.counters.agents[identity_.label()].Add(counters());
}

std::string FeatureList(const tunnel::Features& features) {
  net::Metadata headers;
  tunnel::Answer(headers, features, features.peer_window);
  const std::string list = headers.Get("hawser-features");
  return list.empty() ? "none" : list;
}

}  // namespace hawser::hub
