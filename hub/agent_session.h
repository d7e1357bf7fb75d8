// An agent's session at the hub: a candidate for dials from the moment its headers are answered
// until its stream ends.
//
// Threads: its shard's. Owned by its transport.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "hub/agent_identity.h"
#include "hub/session_registry.h"
#include "hub/shard.h"
#include "lib/base/keyed_log_limit.h"
#include "lib/base/scheduler.h"
#include "lib/h2/transport.h"
#include "lib/net/socket.h"
#include "lib/tunnel/dialing_session.h"

namespace hawser::hub {

// What agents are told about this server.
struct ServerIdentity {
  std::string id;
  int count;  // servers that share the work
};

class AgentSession final : public tunnel::DialingSession {
 public:
  AgentSession(const tunnel::SessionOptions& options, const ServerIdentity& server,
               AgentIdentity identity, const net::PeerInfo& peer, SessionRegistry& registry,
               Shard& shard, base::KeyedLogLimit& log);

  // For lines about the lives of sessions: enough for thousands of agents that come back at once,
  // few for one that comes and goes without end.
  static constexpr base::LogLimit::Options kLogLimit{.burst = 10'000,
                                                     .interval = std::chrono::milliseconds(100)};

  // It is lost, and what it kept is being ended: not to be asked any more.
  bool left() const { return left_; }
  // What carries the session; without it nothing is known of the peer's silence.
  void SetTransport(h2::Transport& transport) { transport_ = &transport; }
  // Makes the peer say something, when it is there.
  void AskForLife();
  bool HeardSince(base::Time when) const;
  // It has said nothing for too long: it is asked last, until it says something.
  void OnSilent();

  const AgentIdentity& identity() const { return identity_; }
  const net::PeerInfo& peer() const { return peer_; }
  std::chrono::system_clock::time_point connected_at() const { return connected_at_; }

  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override;
  bool EndSome(const absl::Status& status) override;
  void OnClosed(const absl::Status& status) override;

 protected:
  void OnDrain() override;
  void OnConnectionEnded(tunnel::Connection& connection) override;
  void OnDelivered(tunnel::Connection& connection, base::Duration waited) override;

 private:
  void Leave(const absl::Status& status);
  void WaitForLife(base::Time since);
  void Log(const std::string& event, const std::string& details);

  const ServerIdentity server_;
  const AgentIdentity identity_;
  const net::PeerInfo peer_;
  SessionRegistry& registry_;
  Shard& shard_;
  base::KeyedLogLimit& log_;
  SessionRegistry::Handle handle_ = 0;
  bool left_ = false;
  std::chrono::system_clock::time_point connected_at_;
  h2::Transport* transport_ = nullptr;
  std::unique_ptr<base::Timer> silence_;  // while it is silent
};

// The features of a session as a comma list, "none" for a plain Konnectivity peer.
std::string FeatureList(const tunnel::Features& features);

}  // namespace hawser::hub
