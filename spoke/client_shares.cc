#include "spoke/client_shares.h"

#include <algorithm>

namespace hawser::spoke {

using tunnel::MemoryBudget;

namespace {

// Descriptors for links, files, pages and name lookups.
constexpr uint64_t kReserve = 128;

size_t Spare(uint64_t descriptors) {
  return static_cast<size_t>(descriptors - std::min(kReserve, descriptors / 2));
}

tunnel::Failure Overloaded(const char* text) {
  return {tunnel::Reason::kOverloaded, tunnel::Hop::kAgent, text};
}

}  // namespace

void ClientShares::Place::GiveBack(size_t descriptors) {
  if (shares_ == nullptr) return;
  const auto client = shares_->clients_.find(client_);
  shares_->descriptors_ -= descriptors;
  client->second.descriptors -= descriptors;
  if (client->second.descriptors == 0) shares_->clients_.erase(client);
}

void ClientShares::Place::Opened() { GiveBack(std::exchange(descriptors_, 1) - 1); }

ClientShares::ClientShares(std::shared_ptr<MemoryBudget> memory, uint64_t descriptors)
    : memory_(std::move(memory)),
      descriptors_in_all_(Spare(descriptors)),
      descriptor_share_(descriptors_in_all_ / 5 * 3) {}

bool ClientShares::IsFull(const Client* client) const {
  const size_t own = client == nullptr ? 0 : client->descriptors;
  const size_t kept = own < kFew ? 0 : descriptors_in_all_ / 8;
  return descriptors_ + kOfDial > descriptors_in_all_ - kept;
}

std::variant<ClientShares::Place, tunnel::Failure> ClientShares::Take(uint64_t client) {
  const auto found = clients_.find(client);
  std::shared_ptr<MemoryBudget> memory = memory_;
  if (found != clients_.end()) {
    memory = found->second.memory;
  } else if (client != 0) {
    memory = std::make_shared<MemoryBudget>(memory_share(), memory_);
  }
  if (found != clients_.end() && found->second.descriptors + kOfDial > descriptor_share_) {
    ++refused_for_share_;
    return Overloaded("this client holds as many of the agent's descriptors as it may (ulimit -n)");
  }
  if (client != 0 && IsFull(found == clients_.end() ? nullptr : &found->second)) {
    ++refused_for_total_;
    return Overloaded("the agent's descriptors are in use (ulimit -n)");
  }
  if (const auto scope = memory->RefusesDial()) {
    return Overloaded(*scope == MemoryBudget::Scope::kShare
                          ? "too many bytes are queued at the agent for connections of this client "
                            "(--max-buffered-bytes)"
                          : "the agent's memory for queued bytes is short (--max-buffered-bytes)");
  }
  if (client == 0) return Place(nullptr, 0, std::move(memory));
  Client& owner = clients_[client];
  owner.memory = memory;
  owner.descriptors += kOfDial;
  descriptors_ += kOfDial;
  return Place(this, client, std::move(memory));
}

}  // namespace hawser::spoke
