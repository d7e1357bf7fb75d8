#include "lib/client/tunnel_dialer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/client/dial_error.h"
#include "lib/tunnel/socket_endpoint.h"

namespace hawser::client {
namespace {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

const Failure kCancelled{Reason::kCancelled, Hop::kClient, "the dial was cancelled"};

Failure NoLink(const absl::Status& error) {
  const Reason reason = error.code() == absl::StatusCode::kDeadlineExceeded ? Reason::kTimedOut
                                                                            : Reason::kUnreachable;
  return {reason, Hop::kHub, std::string(error.message())};
}

}  // namespace

struct TunnelDialer::Attempt {
  Attempt(net::EventLoop& loop, Tunnel wanted)
      : tunnel(std::move(wanted)),
        expires(loop.Now() + tunnel.timeout),
        deadline(loop),
        local(tunnel::SocketEndpoint::Make(net::MakePlainSocket(loop, tunnel.fd),
                                           std::move(tunnel.first_bytes), Hop::kClient)) {}

  Tunnel tunnel;
  const base::Time expires;
  base::Timer deadline;  // while it waits for a link
  LinkPool::WaiterId waiter = 0;
  std::shared_ptr<tunnel::SocketEndpoint> local;
  ClientSession* session = nullptr;  // while the dial is with the hub
};

TunnelDialer::TunnelDialer(net::EventLoop& loop, std::unique_ptr<Connector> connector,
                           base::Duration connect_timeout)
    : loop_(loop), links_(loop, std::move(connector), connect_timeout) {}

TunnelDialer::~TunnelDialer() {
  std::vector<DialId> ids;
  for (const auto& [id, attempt] : attempts_) ids.push_back(id);
  for (const DialId id : ids) Cancel(id);
}

void TunnelDialer::Dial(DialId id, Tunnel tunnel) {
  Attempt& attempt = *(attempts_[id] = std::make_unique<Attempt>(loop_, std::move(tunnel)));
  attempt.local->SetPatience(attempt.tunnel.patience);
  if (attempt.tunnel.pair) attempt.local->SetPair();
  attempt.local->OnDone(std::move(attempt.tunnel.ended));
  // The caller may finish sending before the dial is answered.
  attempt.local->OnHangUp(tunnel::DialWatch::End::kIsHalfClose, [this, id] { Cancel(id); });
  attempt.deadline.Set(attempt.tunnel.timeout, [this, id] {
    Fail(id, {Reason::kTimedOut, Hop::kHub,
              "no connection to hub " + links_.connector().hub() + " in time"});
  });
  attempt.waiter = links_.Acquire(
      [this, id](h2::Transport* link, const absl::Status& error) { OnLink(id, link, error); });
}

void TunnelDialer::OnLink(DialId id, h2::Transport* link, const absl::Status& error) {
  if (link == nullptr) return Fail(id, NoLink(error));
  Attempt& attempt = *attempts_.at(id);
  attempt.deadline.Cancel();
  auto session = std::make_unique<ClientSession>(links_.connector().hub(),
                                                 [this, link] { links_.StartKeepalive(*link); });
  ClientSession& opened = *session;
  const net::Metadata headers = session->RequestHeaders();
  if (const absl::Status status = link->OpenStream(
          ClientSession::kMethod, links_.connector().authority(), headers, std::move(session));
      !status.ok())
    return Fail(id, NoLink(status));
  attempt.session = &opened;
  attempt.local->ReadAhead();
  // Whether the hub takes them is known when it answers; then they are sent again where it did not.
  std::string early = attempt.local->TakeEarly(tunnel::kMaxEarlySent);
  opened.Dial(
      attempt.tunnel.address, std::max(attempt.expires - loop_.Now(), base::Duration{}),
      std::move(early), attempt.local, [this, id, link, &opened](const Failure* failure) {
        if (failure != nullptr && failure->reason == Reason::kTimedOut && !opened.answered())
          links_.Avoid(*link);
        OnAnswer(id, failure);
      });
}

void TunnelDialer::OnAnswer(DialId id, const Failure* failure) {
  attempts_.at(id)->session = nullptr;
  if (failure != nullptr) return Fail(id, *failure);
  const auto node = attempts_.extract(id);
  node.mapped()->tunnel.answered(absl::OkStatus());
}

void TunnelDialer::Cancel(DialId id) { Fail(id, kCancelled); }

void TunnelDialer::Fail(DialId id, const Failure& failure) {
  const auto node = attempts_.extract(id);
  if (node.empty()) return;
  Attempt& attempt = *node.mapped();
  links_.Forget(attempt.waiter);
  if (attempt.session != nullptr) attempt.session->Cancel();
  // A waiting socket would keep its endpoint.
  attempt.local->TakeBack().socket->Abort();
  attempt.tunnel.answered(DialError("dial", attempt.tunnel.address, failure));
}

}  // namespace hawser::client
