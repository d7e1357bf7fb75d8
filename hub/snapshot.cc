#include "hub/snapshot.h"

#include "hub/agent_session.h"
#include "hub/grpc_front.h"
#include "lib/pki/certificate.h"

namespace hawser::hub {
namespace {

AgentPicture Picture(SessionRegistry::Handle id, AgentSession& session) {
  AgentPicture picture;
  picture.id = id;
  picture.cluster = session.identity().cluster;
  picture.name = session.identity().name();
  picture.label = session.identity().label();
  picture.agent_id = session.identity().agent_id;
  picture.address = session.peer().address;
  picture.features = session.features();
  picture.connected_at = session.connected_at();
  picture.round_trip = session.stream()->RoundTrip();
  picture.connections = session.connection_count();
  picture.pending_dials = session.pending_dials();
  picture.queued = 0;
  picture.full = 0;
  session.ForEachConnection([&picture](const tunnel::Connection& connection) {
    picture.queued += connection.queued();
    picture.full += connection.full();
  });
  picture.draining = session.draining();
  if (const X509* certificate = session.peer().certificate.get())
    picture.certificate_expiry = pki::NotAfter(certificate);
  picture.counters = session.counters();
  return picture;
}

}  // namespace

size_t Snapshot::connections() const {
  size_t sum = 0;
  for (const AgentPicture& agent : agents) sum += agent.connections;
  return sum;
}

Snapshot TakeSnapshot(const Shards& shards) {
  Snapshot snapshot;
  for (const auto& shard : shards) {
    shard->RunAndWait([&snapshot, &shard] {
      snapshot.counters.Add(shard->counters);
      for (const auto& [handle, session] : shard->agents) {
        snapshot.agents.push_back(Picture(handle, *session));
        snapshot.counters.agents[session->identity().label()].Add(session->counters());
      }
      snapshot.client_streams += shard->clients.size();
      for (const FrontSession* session : shard->clients) {
        snapshot.counters.clients.Add(session->counters());
        session->ForEachConnection([&snapshot](const tunnel::Connection& connection) {
          snapshot.full_clients += connection.full();
        });
      }
    });
  }
  return snapshot;
}

std::vector<ConnectionPicture> ListConnections(const Shards& shards) {
  std::vector<ConnectionPicture> list;
  for (const auto& shard : shards) {
    shard->RunAndWait([&list, &shard] {
      const base::Time now = shard->loop().Now();
      for (const auto& [handle, session] : shard->agents) {
        session->ForEachConnection([&](const tunnel::Connection& connection) {
          list.push_back({.cluster = session->identity().name(),
                          .session = handle,
                          .id = connection.id(),
                          .target = connection.target(),
                          .client = connection.client(),
                          .age = now - connection.opened_at(),
                          .bytes_sent = connection.bytes_sent(),
                          .bytes_received = connection.bytes_received(),
                          .send_window = connection.send_window(),
                          .queued = connection.queued()});
        });
      }
    });
  }
  return list;
}

}  // namespace hawser::hub
