// The addresses of the agent itself and of the node that it runs on: a name that resolves to one of
// them leads back to what only the agent's neighbours should reach.
#pragma once

#include <asio/ip/address.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hawser::spoke {

class OwnAddresses {
 public:
  // Those of the interfaces here.
  OwnAddresses() = default;
  // Also those of `node`, which another network namespace hides.
  explicit OwnAddresses(std::vector<asio::ip::address> node) : node_(std::move(node)) {}
  // What Kubernetes tells a pod about its node: HOST_IP (status.hostIP) and HOST_IPS
  // (status.hostIPs, separated by commas). InvalidArgument for what is no address.
  static absl::StatusOr<OwnAddresses> FromEnvironment();

  // `address` is canonical (net::Canonical). Interfaces that are up count, as they are now: those
  // that are down hold addresses for the sake of others (kube-ipvs0 has those of Services). What
  // cannot be found out counts as own.
  bool Contains(const asio::ip::address& address) const;

 private:
  std::vector<asio::ip::address> node_;  // canonical
};

}  // namespace hawser::spoke
