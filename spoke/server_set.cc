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
                     ServerCounter* leases, MakeLink make_link, OnLinked on_linked)
    : scheduler_(scheduler),
      options_(std::move(options)),
      counters_(counters),
      leases_(leases),
      make_link_(std::move(make_link)),
      on_linked_(std::move(on_linked)),
      wanted_(options_.addresses.size()),
      balance_(scheduler) {}

void ServerSet::Start() {
  while (servers_.size() < options_.addresses.size()) Add(/*extra=*/false);
  // Others wait for what the first server says, unless leases tell.
  if (leases_ != nullptr) RequestBalance();
}

void ServerSet::Replace() {
  for (const auto& server : servers_) server->reconnector->Replace();
}

void ServerSet::Drain(base::Closure done) {
  draining_ = true;
  balance_.Cancel();
  drained_ = std::move(done);
  for (const auto& server : servers_) server->reconnector->Drain();
  on_linked_(false);
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

size_t ServerSet::CountServers() const {
  size_t count = announced_;
  if (leases_ != nullptr) {
    const size_t leased = leases_->Count();
    count = options_.larger_count ? std::max(leased, announced_) : leased;
  }
  return std::min(count, kMaxServers);
}

void ServerSet::Balance() {
  const size_t count = CountServers();
  wanted_ = std::max(options_.addresses.size(), count);
  const size_t up = linked();
  // Addresses that may still lead to a server of their own, as far as is known.
  const size_t hopeful = std::count_if(servers_.begin(), servers_.end(), [](const auto& server) {
    return !server->extra && server->link() == nullptr && server->last_failure.ok();
  });
  // While no address leads anywhere, extra links would only double the attempts.
  size_t spare = up > 0 && count > up + hopeful ? count - up - hopeful : 0;
  if (options_.sync_forever && up > 0 && up < kMaxServers) spare = std::max<size_t>(spare, 1);
  // Extra links that are up stay, whatever the count says; so do those that still carry something.
  std::erase_if(servers_, [&](const auto& server) {
    if (!server->extra || !server->idle()) return false;
    if (spare > 0) {
      --spare;
      return false;
    }
    extra_backoffs_.push_back(server->reconnector->backoff());
    return true;
  });
  while (spare-- > 0) Add(/*extra=*/true);
  if (leases_ != nullptr) balance_.Set(options_.count_interval, [this] { Balance(); });
}

void ServerSet::Add(bool extra) {
  Server& server = *servers_.emplace_back(std::make_unique<Server>());
  server.extra = extra;
  server.address = options_.addresses[(servers_.size() - 1) % options_.addresses.size()];
  server.reconnector = std::make_unique<tunnel::Reconnector>(
      scheduler_, options_.backoff, [this] { return options_.random(); },
      [this, &server](tunnel::LinkOwner& owner) {
        if (server.extra) server.address = options_.addresses[turns_++ % options_.addresses.size()];
        return make_link_(
            server.address,
            [this, &server](const auto& candidate) { return Admit(server, candidate); }, owner);
      },
      [this, &server](auto change, const absl::Status& reason) {
        OnChange(server, change, reason);
      });
  if (extra && !extra_backoffs_.empty()) {
    server.reconnector->Resume(extra_backoffs_.back());
    extra_backoffs_.pop_back();
  } else {
    server.reconnector->Start();
  }
}

// Those who look for a server may look for the one that is lost now.
void ServerSet::BeginOutage(const Server& lost) {
  for (const auto& server : servers_)
    if (server.get() != &lost && server->link() == nullptr && server->address == lost.address)
      server->reconnector->OnLostElsewhere(lost.up_since);
  for (tunnel::Backoff& backoff : extra_backoffs_)
    backoff.OnLostElsewhere(scheduler_.Now(), lost.up_since);
}

bool ServerSet::Server::idle() const {
  bool idle = true;
  reconnector->ForEachLink([&](const tunnel::Link&) { idle = false; });
  return idle;
}

absl::Status ServerSet::Admit(const Server& server, const ServerLink::Server& candidate) const {
  if (candidate.id.empty()) return absl::OkStatus();
  const ServerLink* const link = server.link();
  if (link != nullptr && link->server_leaving() && link->server().id == candidate.id)
    return absl::UnavailableError(Describe(candidate) + " is stopping");
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
  if (!draining_) RequestBalance();
  on_linked_(linked() > 0);
  switch (change) {
    case Change::kUp: {
      const ServerLink& link = *server.link();
      server.last_failure = absl::OkStatus();
      server.up_since = scheduler_.Now();
      LOG(INFO) << "connected to " << Describe(link.server()) << " at " << address << " ("
                << link.peer() << ")";
      if (link.server().count > 0) announced_ = link.server().count;
      return;
    }
    case Change::kFailed:
      server.last_failure = reason;
      if (absl::IsAlreadyExists(reason)) {
        VLOG(1) << "link to " << address << " dropped: " << reason.message();
        for (const auto& other : servers_)
          if (other->link() != nullptr && other->address == server.address)
            server.reconnector->OnUpElsewhere(other->up_since);
      } else {
        ++counters_.failed_attempts;
        LOG(WARNING) << "no link to " << address << ": " << reason.message();
      }
      return;
    case Change::kLost:
      ++counters_.lost_links[absl::StatusCodeToString(reason.code())];
      server.last_failure = reason;
      BeginOutage(server);
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
