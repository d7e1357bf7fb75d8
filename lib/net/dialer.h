// Connects to a TCP address, or to the first of several that answers ("happy eyeballs", RFC 8305).
//
// Threads: the loop's. `done` runs exactly once, in a later turn, with a connected non-blocking
// descriptor (owned by the callee) or with the error of the last address; never after the attempt
// was destroyed, which cancels it.
#pragma once

#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/net/event_loop.h"

namespace hawser::net {

// Descriptors that one attempt holds at most: a name may have hundreds of addresses where nobody
// answers. What has had no answer while so many others were begun is given up.
inline constexpr size_t kMostOpen = 4;

using Connected = absl::AnyInvocable<void(absl::StatusOr<int> fd)>;

class ConnectAttempt {
 public:
  virtual ~ConnectAttempt() = default;
  // Where the attempt itself passes the connection's bytes on: what broke it. OK as long as nothing
  // did.
  virtual absl::Status Broken() const { return absl::OkStatus(); }
};

// The given order within each address family, the families taking turns (RFC 8305, section 4).
std::vector<asio::ip::tcp::endpoint> InterleaveFamilies(
    std::vector<asio::ip::tcp::endpoint> endpoints);

// Tries `endpoints` in order, families interleaved, the next one when the last failed or after
// 250 ms. Errors: kUnavailable with "connect to 10.0.0.1:80: connection refused" and the like,
// kDeadlineExceeded, kNotFound when `endpoints` is empty.
std::unique_ptr<ConnectAttempt> Connect(EventLoop& loop,
                                        std::vector<asio::ip::tcp::endpoint> endpoints,
                                        base::Duration deadline, Connected done);

// Connects to a Unix socket; does not wait.
absl::StatusOr<int> ConnectUnix(const std::string& path);

}  // namespace hawser::net
