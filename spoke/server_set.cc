#include "spoke/server_set.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

namespace hawser::spoke {
namespace {

// A server that claims to be one of many is believed up to here.
constexpr size_t kMaxServers = 64;

std::string Describe(const ServerLink::Server& server) {
  return server.id.empty() ? "server (unnamed)" : "server " + server.id;
}

}  // namespace

ServerSet::ServerSet(base::Scheduler& scheduler, Options options, Counters& counters,
                     MakeLink make_link)
    : scheduler_(scheduler),
      options_(std::move(options)),
      counters_(counters),
      make_link_(std::move(make_link)) {}

void ServerSet::Start() { Resize(options_.addresses.size()); }

void ServerSet::Replace() {
  for (const auto& server : servers_) server->reconnector->Replace();
}

void ServerSet::Drain(base::Closure done) {
  drained_ = std::move(done);
  for (const auto& server : servers_) server->reconnector->Drain();
  if (drained()) std::exchange(drained_, nullptr)();
}

bool ServerSet::drained() const {
  return std::all_of(servers_.begin(), servers_.end(),
                     [](const auto& server) { return server->reconnector->drained(); });
}

size_t ServerSet::linked() const {
  return std::count_if(servers_.begin(), servers_.end(),
                       [](const auto& server) { return server->link() != nullptr; });
}

void ServerSet::Resize(size_t size) {
  while (servers_.size() > size && servers_.back()->link() == nullptr) servers_.pop_back();
  while (servers_.size() < size) {
    Server& server = *servers_.emplace_back(std::make_unique<Server>());
    server.address = options_.addresses[(servers_.size() - 1) % options_.addresses.size()];
    server.reconnector = std::make_unique<tunnel::Reconnector>(
        scheduler_, options_.backoff, [this] { return options_.random(); },
        [this, &server](tunnel::LinkOwner& owner) {
          return make_link_(
              server.address,
              [this, &server](const auto& candidate) { return Admit(server, candidate); }, owner);
        },
        [this, &server](auto change, const absl::Status& reason) {
          OnChange(server, change, reason);
        });
    server.reconnector->Start();
  }
}

absl::Status ServerSet::Admit(const Server& server, const ServerLink::Server& candidate) const {
  if (candidate.id.empty()) return absl::OkStatus();
  for (const auto& other : servers_) {
    // A link may be replaced by one to the same server.
    if (other.get() == &server || other->link() == nullptr) continue;
    if (other->link()->server().id == candidate.id)
      return absl::AlreadyExistsError("there is a link to " + Describe(candidate) + " already");
  }
  return absl::OkStatus();
}

void ServerSet::OnChange(Server& server, tunnel::Reconnector::Change change,
                         const absl::Status& status) {
  // It may be a stranger's text.
  const absl::Status reason(status.code(), tunnel::WireText(std::string(status.message())));
  using Change = tunnel::Reconnector::Change;
  const std::string address = FormatHostPort(server.address);
  switch (change) {
    case Change::kUp: {
      const ServerLink& link = *server.link();
      server.last_failure = absl::OkStatus();
      LOG(INFO) << "connected to " << Describe(link.server()) << " at " << address << " ("
                << link.peer() << ")";
      const size_t count = std::min(link.server().count, kMaxServers);
      Resize(std::max(options_.addresses.size(), count));
      return;
    }
    case Change::kFailed:
      ++counters_.failed_attempts;
      server.last_failure = reason;
      if (absl::IsAlreadyExists(reason)) {
        VLOG(1) << "link to " << address << " dropped: " << reason.message();
      } else {
        LOG(WARNING) << "no link to " << address << ": " << reason.message();
      }
      return;
    case Change::kLost:
      ++counters_.lost_links[absl::StatusCodeToString(reason.code())];
      server.last_failure = reason;
      LOG(WARNING) << "lost the link to " << address << ": " << reason.message();
      return;
    case Change::kGone:
      LOG(INFO) << "the old link to " << address << " has ended"
                << (reason.ok() ? "" : ": " + std::string(reason.message()));
      if (drained_ && drained()) std::exchange(drained_, nullptr)();
      return;
  }
}

}  // namespace hawser::spoke
