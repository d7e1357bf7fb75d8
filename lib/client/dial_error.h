// How the client library reports a tunnel that failed: an absl::Status whose code and text suit
// anybody, with the tunnel's own Failure and the cluster inside for who wants to act on them.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "lib/tunnel/failure.h"

namespace hawser::client {

// "dial web.default.svc.paris:80: connection refused (refused, at the target in cluster paris)".
// `what` is what was tried ("dial", "read from"), on the address.
absl::Status DialError(const std::string& what, const std::string& address,
                       const tunnel::Failure& failure);

// What DialError() was given; nothing for statuses from elsewhere.
std::optional<tunnel::Failure> FailureOf(const absl::Status& status);

// The hub, or the whole cluster, cannot be reached now: as opposed to an answer from within.
bool Unavailable(const tunnel::Failure& failure);

// The cluster that an address is routed to, empty when it names none (an IP address).
std::string ClusterOf(const std::string& address);

}  // namespace hawser::client
