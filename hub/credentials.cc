#include "hub/credentials.h"

#include <glog/logging.h>

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status.h"
#include "lib/net/tls_verify.h"

namespace hawser::hub {
namespace {

std::string Marks(const DenyList::Subject& subject) {
  return absl::StrCat("serial ", subject.serial, ", sha256 ", subject.fingerprint);
}

void Log(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) LOG(WARNING) << line;
}

}  // namespace

const char* Credentials::ReasonName(Reason reason) {
  switch (reason) {
    case kExpired: return "expired";
    case kDenied: return "denied";
    case kUntrusted: return "untrusted";
    case kReasons: break;
  }
  return "unknown";
}

Credentials::Ticket::~Ticket() {
  if (credentials_ != nullptr) credentials_->Remove(id_);
}

void Credentials::Ticket::OnEnd(End end) {
  if (credentials_ == nullptr) return;
  const std::lock_guard lock(credentials_->mutex_);
  Connection& connection = credentials_->connections_.at(id_);
  connection.end = std::move(end);
  if (!connection.ended.ok() && connection.end) connection.end(Ending::kNow, connection.ended);
}

absl::StatusOr<Credentials::Ticket> Credentials::Admit(Port port, const std::string& who,
                                                       const net::PeerInfo& peer) {
  Ticket ticket;
  if (peer.certificate == nullptr) return ticket;
  HAWSER_RETURN_IF_ERROR(VerifyLate(port, peer));
  Connection connection{.port = port,
                        .who = who,
                        .peer = peer,
                        .subject = DenyList::SubjectOf(peer.certificate.get()),
                        .expiry = pki::NotAfter(peer.certificate.get()),
                        .end = nullptr,
                        .ended = absl::OkStatus()};
  const pki::WallTime now = std::chrono::system_clock::now();
  const std::lock_guard lock(mutex_);
  if (const std::string entry = denied_.WhyDenied(connection.subject); !entry.empty()) {
    ++counts_[kDenied];
    return absl::PermissionDeniedError(absl::StrCat(
        "the certificate of ", who, " (", Marks(connection.subject), ") is denied by ", entry));
  }
  ticket.credentials_ = this;
  ticket.id_ = ++last_id_;
  // One that comes with an old certificate would only come again.
  if (connection.expiry - kNotice > now)
    due_.insert({connection.expiry - kNotice, ticket.id_, Ending::kSoon});
  due_.insert({connection.expiry, ticket.id_, Ending::kNow});
  connections_.emplace(ticket.id_, std::move(connection));
  return ticket;
}

absl::Status Credentials::VerifyLate(Port port, const net::PeerInfo& peer) const {
  const auto context = [this, port] {
    const std::lock_guard lock(mutex_);
    return contexts_[static_cast<size_t>(port)];
  }();
  if (context == nullptr || peer.authorities == context->authorities()) return absl::OkStatus();
  return net::VerifyPeer(*context, peer);
}

void Credentials::Remove(uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto connection = connections_.extract(id);
  const pki::WallTime expiry = connection.mapped().expiry;
  due_.erase({expiry - kNotice, id, Ending::kSoon});
  due_.erase({expiry, id, Ending::kNow});
}

// One line for each connection, in whose place none can come: not bounded.
void Credentials::EndNow(Connection& connection, Reason reason, const std::string& why,
                         Lines& lines) {
  if (!connection.ended.ok()) return;
  ++counts_[reason];
  lines.push_back(absl::StrCat(PortName(connection.port), ": connection of ", connection.who,
                               " from ", connection.peer.address, " ended: its certificate (",
                               Marks(connection.subject), ") ", why));
  connection.ended = absl::PermissionDeniedError("the certificate " + why);
  if (connection.end) connection.end(Ending::kNow, connection.ended);
}

void Credentials::SetDenied(DenyList denied) {
  Lines lines;
  {
    const std::lock_guard lock(mutex_);
    denied_ = std::move(denied);
    if (denied_.empty()) return;
    for (auto& [id, connection] : connections_)
      if (const std::string entry = denied_.WhyDenied(connection.subject); !entry.empty())
        EndNow(connection, kDenied, "is denied by " + entry, lines);
  }
  Log(lines);
}

void Credentials::Verify(Port port, std::shared_ptr<const net::TlsContext> context) {
  // By fingerprint: many share a certificate. Verified without the mutex, as it takes a while.
  std::map<std::string, net::PeerInfo> peers;
  {
    const std::lock_guard lock(mutex_);
    contexts_[static_cast<size_t>(port)] = context;
    for (const auto& [id, connection] : connections_)
      if (connection.port == port && connection.peer.authorities != context->authorities()) {
        net::PeerInfo& peer = peers[connection.subject.fingerprint];
        // One that showed its whole chain speaks for those whose sessions were resumed.
        if (peer.certificate == nullptr || peer.chain == nullptr) peer = connection.peer;
      }
  }
  std::map<std::string, std::string> untrusted;  // why
  for (const auto& [fingerprint, peer] : peers)
    if (const absl::Status verdict = net::VerifyPeer(*context, peer); !verdict.ok())
      untrusted[fingerprint] = std::string(verdict.message());
  Lines lines;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, connection] : connections_) {
      if (connection.port != port || connection.peer.authorities == context->authorities())
        continue;
      const auto verdict = untrusted.find(connection.subject.fingerprint);
      if (verdict != untrusted.end())
        EndNow(connection, kUntrusted, "is no longer trusted: " + verdict->second, lines);
    }
  }
  Log(lines);
}

void Credentials::Sweep(pki::WallTime now) {
  Lines lines;
  {
    const std::lock_guard lock(mutex_);
    while (!due_.empty() && due_.begin()->at <= now) {
      const Due due = *due_.begin();
      due_.erase(due_.begin());
      Connection& connection = connections_.at(due.id);
      if (due.how == Ending::kNow) {
        EndNow(connection, kExpired, "has expired", lines);
      } else if (connection.end && connection.ended.ok()) {
        connection.end(Ending::kSoon, absl::UnavailableError("the certificate is about to expire"));
      }
    }
  }
  Log(lines);
}

std::array<uint64_t, Credentials::kReasons> Credentials::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace hawser::hub
