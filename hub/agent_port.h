// The port where agents connect: decides who they are and gives each a session.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hub/agent_identity.h"
#include "hub/agent_session.h"
#include "hub/session_registry.h"
#include "hub/socket_port.h"
#include "hub/transport_server.h"
#include "lib/base/log_limit.h"

namespace hawser::hub {

class AgentPort {
 public:
  struct Options {
    SocketPort::Options socket;
    h2::Options transport;
    tunnel::SessionOptions session;
    AgentIdentityMode identity_mode;
    AgentGrants grants;
    ServerIdentity server;
  };

  AgentPort(Options options, const Shards& shards, ConnectionLimits& limits,
            SessionRegistry& registry);

  // As in SocketPort.
  absl::Status Listen() { return port_.Listen(); }
  void Start() { port_.Start(); }
  void Stop() { port_.Stop(); }
  const std::vector<std::string>& addresses() const { return port_.addresses(); }
  // Ends all sessions.
  void Close() { server_.Close(); }

 private:
  std::unique_ptr<net::StreamHandler> Accept(const TransportServer::Caller& caller,
                                             const net::Metadata& headers);

  const Options options_;
  SessionRegistry& registry_;
  base::LogLimit refusals_;
  base::LogLimit lives_{AgentSession::kLogLimit};
  TransportServer server_;
  SocketPort port_;
};

}  // namespace hawser::hub
