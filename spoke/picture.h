// A picture of what the agent is doing, taken on its loop at once: for metrics and listings, which
// are written down elsewhere, however long they are.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/kube/request_counts.h"
#include "lib/net/http1_server.h"
#include "lib/net/resolver.h"
#include "lib/tunnel/memory.h"
#include "spoke/client_shares.h"
#include "spoke/counters.h"
#include "spoke/health_lease.h"
#include "spoke/server_counter.h"
#include "spoke/server_set.h"

namespace hawser::spoke {

struct LookupPicture {
  size_t waiting = 0;
  size_t max_lookups = 0;
  size_t max_share = 0;
  net::Resolver::Counters counters;
};

struct Picture {
  Counters counters;
  tunnel::SessionCounters sessions;  // of all so far
  size_t open_connections = 0;
  size_t linked = 0;
  size_t wanted = 0;
  std::vector<std::pair<std::string, base::Duration>> round_trips;  // by id of the server
  kube::RequestCounts::Picture lease_lists;                         // zero: none are counted
  kube::RequestCounts::Picture lease_watches;
  struct Renewals {
    uint64_t renewed;
    uint64_t failed;
  };
  std::optional<Renewals> health_lease;  // empty: none
  LookupPicture lookups;                 // of targets
  uint64_t buffered_bytes = 0;
  uint64_t buffered_bytes_limit = 0;
  uint64_t buffered_bytes_share = 0;  // of one client
  tunnel::MemoryBudget::Tally memory_share, memory_total;
  size_t descriptors = 0;       // that clients hold
  size_t descriptor_limit = 0;  // that all clients may hold
  size_t descriptor_share = 0;  // that one client may hold
  uint64_t refused_for_descriptor_share = 0, refused_for_descriptors = 0;
  size_t page_connections = 0;
  size_t page_connections_limit = 0;
  size_t page_connections_share = 0;  // of one address
  net::Http1Server::Dropped dropped_pages;
  uint64_t failed_reloads = 0;                                              // of certificates
  std::optional<std::chrono::system_clock::time_point> certificate_expiry;  // empty: none
};

// What a picture is taken of.
struct Subject {
  const ServerSet& servers;
  const Counters& counters;
  const ServerCounter* leases;      // null: none are counted
  const HealthLease* health_lease;  // null: none
  const net::Resolver& target_names;
  const ClientShares& clients;
  std::vector<const net::Http1Server*> pages;
  uint64_t failed_reloads;
  std::optional<std::chrono::system_clock::time_point> certificate_expiry;
};

Picture TakePicture(const Subject& subject);

struct ConnectionPicture {
  std::string server;  // its id
  int64_t id;
  base::Duration age;
  uint64_t bytes_to_target;
  uint64_t bytes_from_target;
  uint64_t queued;
  std::optional<int64_t> send_window;  // empty: the server knows none
};

std::vector<ConnectionPicture> ListConnections(const ServerSet& servers, base::Time now);

}  // namespace hawser::spoke
