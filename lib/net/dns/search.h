// A name looked up in DNS: itself and in the search domains, for addresses of both families.
//
// Threads: the loop's.
#pragma once

#include <asio/ip/address.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/net/dns/client.h"
#include "lib/net/event_loop.h"

namespace hawser::net::dns {

struct Found {
  std::vector<asio::ip::address> addresses;  // at least one
  std::chrono::seconds ttl;
};

class Search {
 public:
  // kNotFound ("no such host") when servers have said so of every candidate. When one of them could
  // not be asked about, kUnavailable or kDeadlineExceeded say why; kResourceExhausted when this
  // process has no descriptors.
  using Done = absl::AnyInvocable<void(absl::StatusOr<Found>)>;

  // `candidates`: names in the order in which to try them, at least one. The next one is tried also
  // when the one before could not be asked about. `done` runs once, in a later turn, unless the
  // search is destroyed before.
  Search(EventLoop& loop, Client& client, std::shared_ptr<const ResolvConf> conf,
         std::vector<std::string> candidates, Done done);
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

 private:
  // The records of one type of the candidate in question.
  struct Records {
    RecordType type;
    std::unique_ptr<Question> question;
    bool answered = false;
    Reply reply;
  };

  void AskNext();
  void OnReply(Records& records, Reply reply);
  // All that is there of a candidate is there, or has been waited for.
  void Evaluate();
  void Finish(absl::StatusOr<Found> result);

  Client& client_;
  const std::shared_ptr<const ResolvConf> conf_;
  const std::vector<std::string> candidates_;
  Done done_;
  size_t next_ = 0;
  std::vector<Records> records_;
  absl::Status fault_;  // of a candidate that could not be asked about
  base::Timer other_family_;
};

}  // namespace hawser::net::dns
