// Places for TLS handshakes that have not ended, shared by the networks that peers come from.
//
// When all are taken, the network with the most of them loses its oldest one to a newcomer from
// another. A network that has the most itself loses its own oldest one, once that has had some
// time: a peer far away is not displaced by the crowd that it came with, whose surplus is refused.
// Beside that, handshakes that failed cost their network an allowance: what is refused then costs
// nothing.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>

#include "lib/base/scheduler.h"
#include "lib/base/seeded_hash.h"

namespace hawser::hub {

class HandshakePlaces {
 public:
  struct Options {
    size_t places = 256;
    // How long a handshake is safe from its own network's newcomers.
    base::Duration patience = std::chrono::seconds(1);
    // What a network may fail: at once, and per second in the long run.
    double failure_burst = 200;
    double failure_rate = 100;
  };
  using Id = uint64_t;
  struct Place {
    Id id;
    std::optional<Id> displaced;  // to be ended, and returned, by the caller
  };
  enum class Refusal { kNoPlace, kFailures };

  explicit HandshakePlaces(const Options& options) : options_(options) {}

  std::variant<Place, Refusal> Take(const std::string& network, base::Time now);
  // The handshake has ended. `failed`: after something was computed for it.
  void Return(Id id, base::Time now, bool failed);

  size_t taken() const { return taken_.size(); }
  // What each of the networks that have places keeps, whoever comes from another of them: an equal
  // part of all. While there are free ones it may have more.
  size_t share() const;
  // Networks that have places, or are remembered for what they failed.
  size_t networks() const { return networks_.size(); }

 private:
  struct Network {
    std::set<Id> taken;  // in the order of age
    double failures = 0;
    base::Time counted_at{};  // the failures
  };
  using Networks = std::unordered_map<std::string, Network, base::SeededHash>;
  struct Taken {
    Networks::pointer network;
    base::Time since;
  };

  double Failures(Network& network, base::Time now) const;
  void ForgetNetworks(base::Time now);
  // The place that `network` may have instead of a free one.
  std::optional<Id> ToDisplace(const Network& network, base::Time now) const;

  const Options options_;
  Networks networks_;
  std::map<Id, Taken> taken_;
  size_t occupants_ = 0;  // networks that have places
  Id last_id_ = 0;
};

}  // namespace hawser::hub
