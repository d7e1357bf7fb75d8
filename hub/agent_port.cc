#include "hub/agent_port.h"

#include <glog/logging.h>

#include <utility>

#include "lib/pki/identity.h"

namespace hawser::hub {
namespace {

constexpr char kPath[] = "/AgentService/Connect";

// The stream of an agent that was refused: ends with the reason, and its connection after it.
class RefusedStream final : public net::StreamHandler {
 public:
  RefusedStream(const absl::Status& status, h2::Transport& transport)
      : status_(status), transport_(transport) {}

  void OnOpen(net::MessageStream& stream, const net::Metadata&) override {
    stream.Finish(status_);
    transport_.GoAway();
  }
  void OnHeaders(const net::Metadata&) override {}
  void Produce(net::MessageBatch&) override {}
  absl::Status OnMessageStart(size_t) override { return absl::OkStatus(); }
  absl::Status OnMessageBytes(std::span<const uint8_t>) override { return absl::OkStatus(); }
  void OnRemoteEnd(const absl::Status&) override {}
  void OnClosed(const absl::Status&) override {}

 private:
  const absl::Status status_;
  h2::Transport& transport_;
};

// The name that an agent's connections are counted by.
absl::StatusOr<std::string> ConnectionName(const net::PeerInfo& peer) {
  const auto identity = pki::IdentityOf(peer.certificate.get());
  if (!identity.ok() || !identity->has_value()) return "agents without a name";
  const auto* cluster = std::get_if<pki::ClusterIdentity>(&**identity);
  // Told apart, and refused, by IdentifyAgent(), with an answer.
  return cluster == nullptr ? "agents without a name" : "cluster " + cluster->cluster;
}

}  // namespace

AgentPort::AgentPort(Options options, const Shards& shards, ConnectionLimits& limits,
                     SessionRegistry& registry)
    : options_(std::move(options)),
      registry_(registry),
      server_(Port::kAgents, kPath, options_.transport, shards,
              [this](const auto& caller, const auto& headers) { return Accept(caller, headers); }),
      port_(options_.socket, shards, limits, ConnectionName,
            [this](Shard& shard, std::unique_ptr<net::Socket> socket, Admission admission) {
              server_.Serve(shard, std::move(socket), std::move(admission));
            }) {}

std::unique_ptr<net::StreamHandler> AgentPort::Accept(const TransportServer::Caller& caller,
                                                      const net::Metadata& headers) {
  const net::PeerInfo& peer = caller.transport.socket().peer();
  auto decision = IdentifyAgent(options_.identity_mode, options_.grants,
                                pki::IdentityOf(peer.certificate.get()), headers.Get("agentid"),
                                headers.Get("agentidentifiers"));
  if (const auto* refusal = std::get_if<AgentRefusal>(&decision)) {
    ++caller.shard.counters.refused_agents[refusal->reason];
    if (const auto line = refusals_.Admit(caller.shard.loop().Now()))
      LOG(WARNING) << "agent refused from " << peer.address << ": " << refusal->why << *line;
    return std::make_unique<RefusedStream>(
        absl::PermissionDeniedError("agent refused: " + refusal->why), caller.transport);
  }
  return std::make_unique<AgentSession>(options_.session, options_.server,
                                        std::get<AgentIdentity>(std::move(decision)), peer,
                                        registry_, caller.shard, lives_);
}

}  // namespace hawser::hub
