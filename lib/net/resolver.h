// Looks host names up: the hosts file, then DNS with the system's servers and search domains, read
// anew for each lookup.
//
//   Resolver resolver(loop);
//   lookup_ = resolver.Resolve("db.default.svc", 5s, [this](auto addresses) { ... });
//
// Threads: the loop's. A resolver outlives its lookups.
#pragma once

#include <asio/ip/address.hpp>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/net/event_loop.h"

namespace hawser::net {

// IPv4 and IPv6, at least one, in the order in which to try them (RFC 6724).
using Resolved = absl::AnyInvocable<void(absl::StatusOr<std::vector<asio::ip::address>>)>;

// Destroying it cancels the lookup: the callback does not run any more.
class Lookup {
 public:
  virtual ~Lookup() = default;
};

class Resolver {
 public:
  struct Options {
    // "10.0.0.10:53,10.0.0.11", empty: the system's.
    std::string servers;
    // More wait for their turn, within their deadlines.
    size_t max_lookups = 128;
  };
  explicit Resolver(EventLoop& loop);
  Resolver(EventLoop& loop, Options options);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `done` runs once, in a later turn. IP addresses are their own answer. Errors, all of which
  // begin with "lookup HOST: ": kInvalidArgument when `host` is no name, kNotFound ("no such
  // host"), kDeadlineExceeded, kUnavailable when no server gave an answer.
  [[nodiscard]] std::unique_ptr<Lookup> Resolve(const std::string& host, base::Duration deadline,
                                                Resolved done);

 private:
  class DnsLookup;
  void StartWaiting();

  EventLoop& loop_;
  const Options options_;
  size_t running_ = 0;
  std::list<DnsLookup*> waiting_;
};

}  // namespace hawser::net
