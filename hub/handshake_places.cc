#include "hub/handshake_places.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace hawser::hub {
namespace {

// Networks that are remembered for what they failed, beside those that have places.
constexpr size_t kMaxNetworks = 4096;

}  // namespace

std::variant<HandshakePlaces::Place, HandshakePlaces::Refusal> HandshakePlaces::Take(
    const std::string& network, base::Time now) {
  if (networks_.size() >= kMaxNetworks + options_.places) ForgetNetworks(now);
  auto& entry = *networks_.try_emplace(network).first;
  Network& own = entry.second;
  if (Failures(own, now) >= options_.failure_burst) return Refusal::kFailures;
  std::optional<Id> displaced;
  if (taken_.size() >= options_.places) {
    displaced = ToDisplace(own, now);
    if (!displaced) return Refusal::kNoPlace;
  }
  const Id id = ++last_id_;
  if (own.taken.empty()) ++occupants_;
  own.taken.insert(id);
  taken_[id] = {&entry, now};
  return Place{id, displaced};
}

std::optional<HandshakePlaces::Id> HandshakePlaces::ToDisplace(const Network& network,
                                                               base::Time now) const {
  const Network* most = &network;
  for (const auto& [name, other] : networks_) {
    const bool older = most != &network && other.taken.size() == most->taken.size() &&
                       *other.taken.begin() < *most->taken.begin();
    if (other.taken.size() > most->taken.size() || older) most = &other;
  }
  if (most->taken.empty()) return std::nullopt;
  const Id oldest = *most->taken.begin();
  if (most == &network && now - taken_.at(oldest).since < options_.patience) return std::nullopt;
  return oldest;
}

void HandshakePlaces::Return(Id id, base::Time now, bool failed) {
  const auto found = taken_.find(id);
  Network& network = found->second.network->second;
  network.taken.erase(id);
  if (network.taken.empty()) --occupants_;
  if (failed) network.failures = Failures(network, now) + 1;
  if (network.taken.empty() && Failures(network, now) <= 0)
    networks_.erase(networks_.find(found->second.network->first));
  taken_.erase(found);
}

size_t HandshakePlaces::share() const {
  return options_.places / std::clamp<size_t>(occupants_, 1, options_.places);
}

double HandshakePlaces::Failures(Network& network, base::Time now) const {
  const std::chrono::duration<double> elapsed = now - std::exchange(network.counted_at, now);
  network.failures = std::max(0.0, network.failures - elapsed.count() * options_.failure_rate);
  return network.failures;
}

// Those that have made up for their failures; all of them in an attack by so many.
void HandshakePlaces::ForgetNetworks(base::Time now) {
  for (auto each = networks_.begin(); each != networks_.end();) {
    Network& network = each->second;
    const bool forget = network.taken.empty() && Failures(network, now) <= 0;
    each = forget ? networks_.erase(each) : std::next(each);
  }
  if (networks_.size() >= kMaxNetworks + options_.places)
    std::erase_if(networks_, [](const auto& entry) { return entry.second.taken.empty(); });
}

}  // namespace hawser::hub
