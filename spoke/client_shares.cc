#include "spoke/client_shares.h"

namespace hawser::spoke {

using tunnel::MemoryBudget;

namespace {

tunnel::Failure Overloaded(const char* text) {
  return {tunnel::Reason::kOverloaded, tunnel::Hop::kAgent, text};
}

}  // namespace

ClientShares::Place::~Place() {
  if (shares_ == nullptr) return;
  const auto client = shares_->clients_.find(client_);
  if (--client->second.places == 0) shares_->clients_.erase(client);
}

std::variant<ClientShares::Place, tunnel::Failure> ClientShares::Take(uint64_t client) {
  const auto found = clients_.find(client);
  auto memory = client == 0 ? memory_
                : found != clients_.end()
                    ? found->second.memory
                    : std::make_shared<MemoryBudget>(memory_->cap() / 2, memory_);
  if (found != clients_.end() && found->second.places >= share_) {
    ++refused_;
    return Overloaded("this client has too many connections through the agent");
  }
  if (const auto scope = memory->RefusesDial()) {
    return Overloaded(*scope == MemoryBudget::Scope::kShare
                          ? "connections of this client hold too much memory"
                          : "memory for queued bytes is short");
  }
  if (client == 0) return Place(nullptr, 0, std::move(memory));
  Client& owner = clients_[client];
  owner.memory = memory;
  ++owner.places;
  return Place(this, client, std::move(memory));
}

}  // namespace hawser::spoke
