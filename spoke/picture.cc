#include "spoke/picture.h"

namespace hawser::spoke {

Picture TakePicture(const Subject& subject) {
  const tunnel::MemoryBudget& memory = subject.clients.memory();
  Picture picture{.counters = subject.counters,
                  .sessions = subject.counters.ended_sessions,
                  .linked = subject.servers.linked(),
                  .wanted = subject.servers.wanted(),
                  .lookups = {.waiting = subject.target_names.waiting(),
                              .max_lookups = subject.target_names.max_lookups(),
                              .max_share = subject.target_names.max_share(),
                              .counters = subject.target_names.counters()},
                  .buffered_bytes = memory.used(),
                  .buffered_bytes_limit = memory.cap(),
                  .buffered_bytes_share = subject.clients.memory_share(),
                  .memory_share = memory.tally(tunnel::MemoryBudget::Scope::kShare),
                  .memory_total = memory.tally(tunnel::MemoryBudget::Scope::kTotal),
                  .descriptors = subject.clients.descriptors(),
                  .descriptor_limit = subject.clients.descriptors_in_all(),
                  .descriptor_share = subject.clients.descriptor_share(),
                  .refused_for_descriptor_share = subject.clients.refused_for_share(),
                  .refused_for_descriptors = subject.clients.refused_for_total(),
                  .failed_reloads = subject.failed_reloads,
                  .certificate_expiry = subject.certificate_expiry};
  subject.servers.ForEachSession([&](const auto&, const AgentSession& session) {
    picture.sessions.Add(session.counters());
    picture.open_connections += session.connection_count();
  });
  for (const auto& server : subject.servers.servers()) {
    if (const ServerLink* link = server->link())
      picture.round_trips.emplace_back(link->server().id, link->RoundTrip());
  }
  for (const net::Http1Server* pages : subject.pages) {
    picture.page_connections += pages->connections();
    picture.page_connections_limit += pages->options().max_connections;
    picture.page_connections_share += pages->options().max_per_address;
    picture.dropped_pages.for_total += pages->dropped().for_total;
    picture.dropped_pages.for_address += pages->dropped().for_address;
  }
  if (subject.leases != nullptr) {
    picture.lease_lists = subject.leases->counters().lists.picture();
    picture.lease_watches = subject.leases->counters().watches.picture();
  }
  if (subject.health_lease != nullptr)
    picture.health_lease = {subject.health_lease->renewals(), subject.health_lease->failures()};
  return picture;
}

std::vector<ConnectionPicture> ListConnections(const ServerSet& servers, base::Time now) {
  std::vector<ConnectionPicture> list;
  servers.ForEachSession([&](const ServerLink& link, const AgentSession& session) {
    session.ForEachConnection([&](const tunnel::Connection& connection) {
      list.push_back({.server = link.server().id,
                      .id = connection.id(),
                      .age = now - connection.opened_at(),
                      .bytes_to_target = connection.bytes_received(),
                      .bytes_from_target = connection.bytes_sent(),
                      .queued = connection.queued()});
      if (session.features().window) list.back().send_window = connection.send_window();
    });
  });
  return list;
}

}  // namespace hawser::spoke
