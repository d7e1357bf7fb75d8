// Looks host names up as this machine's resolv.conf and hosts files say, which are read again when
// they have changed. Answers are kept for as long as they hold, and who asks for a name that is
// being looked up already waits for the same answer.
//
//   Resolver resolver(loop);
//   lookup_ = resolver.Resolve("db.default.svc", 5s, [this](auto addresses) { ... });
//
// A lookup costs a little memory and hardly any descriptors, so that a thousand names that nobody
// answers for hold up no other name. Beyond its bounds the lookup that has waited the longest is
// given up: a name that is answered for has its answer by then.
//
// Threads: the loop's. A resolver outlives its lookups.
#pragma once

#include <algorithm>
#include <asio/ip/address.hpp>
#include <asio/ip/udp.hpp>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/net/dns/answer_cache.h"
#include "lib/net/dns/client.h"
#include "lib/net/dns/name_files.h"
#include "lib/net/dns/search.h"
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
    dns::NameFiles::Paths files;
    // How often the files are looked at.
    base::Duration file_interval = std::chrono::seconds(1);
    // Instead of those in the file, unless empty.
    std::vector<asio::ip::udp::endpoint> servers;
    // At a time; half of them for one asker.
    size_t max_lookups = 2048;
    size_t max_answers = 1024;
  };
  // Lookups by what answered them, and those that were given up, by the bound that was met.
  struct Counters {
    uint64_t from_files = 0, from_cache = 0, joined = 0, asked = 0;
    uint64_t beyond_share = 0, beyond_total = 0, out_of_descriptors = 0;
  };

  explicit Resolver(EventLoop& loop);
  Resolver(EventLoop& loop, Options options);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();

  // `done` runs once, in a later turn. IP addresses are their own answer. A final dot means that
  // `host` is not searched for in other domains. `asker` is whose share the lookup takes, and only
  // compared with others.
  //
  // Errors, all of which begin with "lookup HOST: ": kInvalidArgument when `host` is no name;
  // kNotFound ("no such host"); kDeadlineExceeded and kUnavailable when name servers gave no
  // answer, so that nobody knows whether there is such a host; kResourceExhausted beyond the bounds
  // or without descriptors.
  [[nodiscard]] std::unique_ptr<Lookup> Resolve(const std::string& host, base::Duration deadline,
                                                Resolved done, const void* asker = nullptr);

  // Nobody can be reached where `host` was said to be: the next lookup asks again.
  void Forget(const std::string& host);

  // The next lookup looks at the files, however recently another one did.
  void Reload() { files_.LookAgain(); }

  // Lookups that wait for name servers.
  size_t waiting() const { return waiting_; }
  size_t max_lookups() const { return options_.max_lookups; }
  size_t max_share() const { return std::max<size_t>(options_.max_lookups / 2, 1); }
  const Counters& counters() const { return counters_; }

 private:
  class DnsLookup;
  using Waiters = std::list<DnsLookup*>;
  struct Searching {
    std::unique_ptr<dns::Search> search;
    Waiters waiters;
  };

  // By name in lower case, as asked for; iterators stay valid.
  using Searches = std::map<std::string, Searching>;
  using Askers = std::map<const void*, Waiters>;  // the longest wait is in front

  void RefreshFiles();
  void MakeRoomFor(const void* asker);
  // One that is on its way, or a new one.
  Searches::iterator SearchFor(const std::string& name);
  void OnFound(const std::string& name, absl::StatusOr<dns::Found> found);

  EventLoop& loop_;
  const Options options_;
  dns::NameFiles files_;
  std::shared_ptr<const dns::ResolvConf> conf_;
  dns::AnswerCache cache_;
  dns::Client client_;
  Searches searches_;
  Askers askers_;
  size_t waiting_ = 0;
  Counters counters_;
};

}  // namespace hawser::net
