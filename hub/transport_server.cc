#include "hub/transport_server.h"

#include <glog/logging.h>

#include <chrono>
#include <utility>

#include "hub/refused_stream.h"

namespace hawser::hub {
namespace {

// How long one that is refused has to ask for something, and to be told.
constexpr base::Duration kFarewell = std::chrono::seconds(2);

}  // namespace

TransportServer::TransportServer(Options options, const Shards& shards, Accept accept)
    : options_(std::move(options)), shards_(shards), accept_(std::move(accept)) {
  for (const auto& shard : shards_) connections_[shard.get()];
}

void TransportServer::Serve(Shard& shard, std::unique_ptr<net::Socket> socket,
                            Admission admission) {
  Connections& connections = connections_.at(&shard);
  const uint64_t id = ++last_id_;
  Connection& connection = connections[id];
  connection.admission = std::move(admission);
  h2::Options transport = options_.transport;
  // One whose name is not believed has no share.
  if (const auto& memory = connection.admission.memory; memory != nullptr) {
    transport.waiting = [memory,
                         charge = std::make_shared<tunnel::MemoryCharge>(memory)](size_t bytes) {
      charge->Set(bytes);
      return bytes == 0 || !memory->ShedsGrowing();
    };
  }
  connection.transport = h2::Transport::Server(
      std::move(socket), transport,
      [this, &shard, &connection](const std::string& path, const net::Metadata& headers)
          -> std::unique_ptr<net::StreamHandler> {
        const Admission& admission = connection.admission;
        if (!admission.refused.ok())
          return std::make_unique<RefusedStream>(admission.refused, *connection.transport);
        auto handler = accept_({shard, *connection.transport, admission.identity, admission.memory,
                                admission.connection_memory},
                               path, headers);
        if (handler == nullptr) return nullptr;
        connection.called = true;
        connection.first_call.reset();
        return handler;
      },
      [this, &shard, &connections, id](const absl::Status& status) {
        const auto closed = connections.find(id);
        OnClosed(shard, closed->second, status);
        connections.erase(closed);
      });
  connection.admission.credential.OnEnd(
      [this, &shard, id](Credentials::Ending how, const absl::Status& why) {
        shard.loop().Post([this, &shard, id, how, why] { End(shard, id, how, why); });
      });
  if (!connection.admission.refused.ok()) {
    connection.first_call = std::make_unique<base::Timer>(shard.loop());
    connection.first_call->Set(
        kFarewell, [&connection] { connection.transport->Close(connection.admission.refused); });
    return;
  }
  if (options_.first_call_timeout == base::Duration::zero()) return;
  connection.first_call = std::make_unique<base::Timer>(shard.loop());
  connection.first_call->Set(options_.first_call_timeout, [&connection] {
    connection.transport->Close(absl::DeadlineExceededError("it asked for nothing"));
  });
}

void TransportServer::End(Shard& shard, uint64_t id, Credentials::Ending how,
                          const absl::Status& why) {
  Connections& connections = connections_.at(&shard);
  const auto found = connections.find(id);
  if (found == connections.end()) return;
  h2::Transport& transport = *found->second.transport;
  if (how == Credentials::Ending::kNow) {
    transport.Close(why);
  } else if (options_.give_notice) {
    options_.give_notice(shard, transport);
  } else {
    transport.GoAway();
  }
}

// Peers that leave without a word are nobody's concern: probes of a port do that all day. Of those
// whose certificates are no longer good Credentials has said so.
void TransportServer::OnClosed(Shard& shard, const Connection& connection,
                               const absl::Status& status) {
  if (status.ok() || absl::IsUnavailable(status) || absl::IsPermissionDenied(status)) return;
  if (connection.called && options_.port == Port::kAgents) return;
  const net::PeerInfo& peer = connection.transport->socket().peer();
  if (const auto line = failures_.Admit(shard.loop().Now(), connection.admission.identity))
    LOG(WARNING) << PortName(options_.port) << ": connection of " << connection.admission.identity
                 << " from " << peer.address << " ended: " << std::string(status.message())
                 << *line;
}

void TransportServer::GoAway() {
  for (auto& [shard, connections] : connections_) {
    shard->RunAndWait([&connections = connections] {
      for (auto& [id, connection] : connections) connection.transport->GoAway();
    });
  }
}

void TransportServer::Close() {
  for (auto& [shard, connections] : connections_)
    shard->RunAndWait([&connections = connections] { connections.clear(); });
}

}  // namespace hawser::hub
