#include "hub/agent_port.h"

#include <glog/logging.h>

#include <utility>

#include "hub/agent_gate.h"
#include "hub/client_identity.h"
#include "hub/refused_stream.h"
#include "lib/pki/identity.h"

namespace hawser::hub {
namespace {

constexpr char kPath[] = "/AgentService/Connect";

// The name that an agent's connections are counted by.
absl::StatusOr<PeerIdentity> ConnectionName(const net::PeerInfo& peer) {
  const auto identity = pki::IdentityOf(peer.certificate.get());
  if (identity.ok() && identity->has_value())
    if (const auto* cluster = std::get_if<pki::ClusterIdentity>(&**identity))
      return PeerIdentity{"cluster " + cluster->cluster, PeerIdentity::kCluster};
  // IdentifyAgent() refuses those that must have a name, with an answer.
  return PeerIdentity{"agents with " + CertificateName(peer), PeerIdentity::kUnnamedAgent};
}

// Asks an agent of ours to connect again, by when it has a new certificate; as in
// AgentPort::Drain(), others are left alone.
void GiveNotice(Shard& shard, h2::Transport& transport) {
  const auto certificate = transport.socket().peer().certificate;
  for (const auto& [handle, session] : shard.agents)
    if (session->peer().certificate == certificate && session->features().any())
      session->SendDrain();
}

// What is asked about a token, and what becomes of it, as a metric's label.
const char* TokenResult(const absl::Status& verdict, bool sent) {
  if (verdict.ok()) return "accepted";
  if (!sent) return "missing";
  return absl::IsUnauthenticated(verdict) || absl::IsPermissionDenied(verdict) ? "denied"
                                                                               : "unchecked";
}

}  // namespace

AgentPort::AgentPort(Options options, AgentGrants grants, const Shards& shards,
                     ConnectionLimits& limits, Credentials& credentials, SessionRegistry& registry)
    : options_(std::move(options)),
      shards_(shards),
      registry_(registry),
      grants_(std::make_shared<const AgentGrants>(std::move(grants))),
      server_({Port::kAgents, options_.transport, options_.first_call_timeout, &GiveNotice}, shards,
              [this](const auto& caller, const auto& path, const auto& headers) {
                return path == kPath ? Accept(caller, headers) : nullptr;
              }),
      port_(options_.socket, shards, limits, credentials, ConnectionName,
            [this](Shard& shard, std::unique_ptr<net::Socket> socket, Admission admission) {
              server_.Serve(shard, std::move(socket), std::move(admission));
            }) {}

void AgentPort::SetGrants(AgentGrants grants) {
  auto next = std::make_shared<const AgentGrants>(std::move(grants));
  const std::lock_guard lock(grants_mutex_);
  grants_ = std::move(next);
}

std::shared_ptr<const AgentGrants> AgentPort::grants() {
  const std::lock_guard lock(grants_mutex_);
  return grants_;
}

void AgentPort::Drain() {
  draining_ = true;
  for (const auto& shard : shards_) {
    shard->RunAndWait([&shard] {
      for (const auto& [handle, session] : shard->agents)
        if (session->features().any()) session->SendDrain();
    });
  }
}

std::unique_ptr<net::StreamHandler> AgentPort::Accept(const TransportServer::Caller& caller,
                                                      const net::Metadata& headers) {
  if (draining_) {
    const absl::Status why =
        Refuse(caller, "stopping", absl::UnavailableError("the hub is stopping"));
    return std::make_unique<RefusedStream>(why, caller.transport);
  }
  auto decision = IdentifyAgent(options_.identity_mode, *grants(),
                                pki::IdentityOf(caller.transport.socket().peer().certificate.get()),
                                headers.Get("agentid"), headers.Get("agentidentifiers"));
  if (const auto* refusal = std::get_if<AgentRefusal>(&decision)) {
    const absl::Status why =
        Refuse(caller, refusal->reason, absl::PermissionDeniedError(refusal->why));
    return std::make_unique<RefusedStream>(why, caller.transport);
  }
  auto& identity = std::get<AgentIdentity>(decision);
  if (!registry_.HasRoomFor(identity)) {
    const absl::Status why = Refuse(
        caller, "too_many_sessions",
        absl::ResourceExhaustedError("cluster " + identity.cluster + " has too many sessions"));
    return std::make_unique<RefusedStream>(why, caller.transport);
  }
  if (options_.tokens != nullptr) return CheckToken(caller, headers, std::move(identity));
  return Open(caller, std::move(identity));
}

std::unique_ptr<AgentSession> AgentPort::Open(const TransportServer::Caller& caller,
                                              AgentIdentity identity) {
  tunnel::SessionOptions session = options_.session;
  session.memory = caller.memory;
  auto opened = std::make_unique<AgentSession>(session, options_.server, std::move(identity),
                                               caller.transport.socket().peer(), registry_,
                                               caller.shard, lives_);
  opened->SetTransport(caller.transport);
  return opened;
}

std::unique_ptr<net::StreamHandler> AgentPort::CheckToken(const TransportServer::Caller& caller,
                                                          const net::Metadata& headers,
                                                          AgentIdentity identity) {
  std::string token = BearerToken(headers);
  const auto count = [&shard = caller.shard, sent = !token.empty()](const absl::Status& verdict) {
    ++shard.counters.token_checks[TokenResult(verdict, sent)];
  };
  // The caller's fields outlive the stream: they are the connection's.
  AgentGate::Ways ways;
  ways.open = [this, caller, count, identity = std::move(identity)] {
    count(absl::OkStatus());
    return Open(caller, identity);
  };
  ways.refuse = [this, caller, count](const absl::Status& verdict) {
    count(verdict);
    caller.transport.GoAway();
    return Refuse(caller, "token", verdict);
  };
  return std::make_unique<AgentGate>(*options_.tokens, std::move(token), std::move(ways));
}

// Counts and logs the refusal; the status for the agent.
absl::Status AgentPort::Refuse(const TransportServer::Caller& caller, const char* reason,
                               const absl::Status& why) {
  ++caller.shard.counters.refused_agents[reason];
  const std::string text(why.message());
  const net::PeerInfo& peer = caller.transport.socket().peer();
  if (const auto line = refusals_.Admit(caller.shard.loop().Now(), caller.identity))
    LOG(WARNING) << "agent refused from " << peer.address << ": " << text << *line;
  return {why.code(), "agent refused: " + text};
}

}  // namespace hawser::hub
