// The port where agents connect: decides who they are and gives each a session.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hub/agent_identity.h"
#include "hub/agent_session.h"
#include "hub/session_registry.h"
#include "hub/socket_port.h"
#include "hub/token_authenticator.h"
#include "hub/transport_server.h"
#include "lib/base/keyed_log_limit.h"

namespace hawser::hub {

class AgentPort {
 public:
  struct Options {
    SocketPort::Options socket;
    h2::Options transport;
    // How long a connection may last before its agent asks for a session.
    base::Duration first_call_timeout;
    tunnel::SessionOptions session;
    AgentIdentityMode identity_mode;
    ServerIdentity server;
    // Of agents' tokens; null: agents need none. Outlives the port.
    TokenAuthenticator* tokens = nullptr;
  };

  AgentPort(Options options, AgentGrants grants, const Shards& shards, ConnectionLimits& limits,
            Credentials& credentials, SessionRegistry& registry);

  // As in SocketPort.
  absl::Status Listen() { return port_.Listen(); }
  void Start() { port_.Start(); }
  void Stop() { port_.Stop(); }
  const std::vector<std::string>& addresses() const { return port_.addresses(); }
  const HandshakeCounts& handshakes() const { return port_.handshakes(); }
  // For agents that connect from now on. Any thread.
  void SetGrants(AgentGrants grants);
  // Asks agents of ours to connect elsewhere and takes no new ones; sessions go on. Konnectivity's
  // are left alone: they have no such packet. After Stop(), so that nobody comes back here.
  void Drain();
  // Ends all sessions.
  void Close() { server_.Close(); }

 private:
  std::unique_ptr<net::StreamHandler> Accept(const TransportServer::Caller& caller,
                                             const net::Metadata& headers);
  std::unique_ptr<AgentSession> Open(const TransportServer::Caller& caller, AgentIdentity identity);
  absl::Status Refuse(const TransportServer::Caller& caller, const char* reason,
                      const absl::Status& why);
  std::unique_ptr<net::StreamHandler> CheckToken(const TransportServer::Caller& caller,
                                                 const net::Metadata& headers,
                                                 AgentIdentity identity);
  std::shared_ptr<const AgentGrants> grants();

  const Options options_;
  const Shards& shards_;
  SessionRegistry& registry_;
  std::atomic<bool> draining_{false};
  std::mutex grants_mutex_;
  std::shared_ptr<const AgentGrants> grants_;  // guarded by grants_mutex_
  base::KeyedLogLimit refusals_;
  base::KeyedLogLimit lives_{{.all = AgentSession::kLogLimit}};
  TransportServer server_;
  SocketPort port_;
};

}  // namespace hawser::hub
