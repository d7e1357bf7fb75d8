#include "lib/client/tunnel_dialer.h"

#include <sys/socket.h>

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

using Ended = absl::AnyInvocable<void(const Failure*)>;

const Failure kCancelled{Reason::kCancelled, Hop::kClient, "the dial was cancelled"};

// First bytes that a socket has already, without waiting: at most `space`.
std::string ReadAhead(int fd, size_t space) {
  std::string bytes(space, '\0');
  const ssize_t count = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
  bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return bytes;
}

// Sends the first bytes when they could not go with the dial, and tells how the tunnel ended before
// its socket shows that it did.
class WatchedEndpoint final : public tunnel::Endpoint {
 public:
  WatchedEndpoint(std::shared_ptr<tunnel::Endpoint> endpoint, std::string first, size_t with_dial,
                  Ended ended)
      : endpoint_(std::move(endpoint)),
        first_(std::move(first)),
        with_dial_(with_dial),
        ended_(std::move(ended)) {}

  void OnOpen(tunnel::Connection& connection) override {
    if (connection.session().features().early) first_.erase(0, with_dial_);
    const bool more = !first_.empty();
    endpoint_->OnOpen(connection);
    if (more) connection.Ready();
  }
  tunnel::Pulled Pull(std::span<uint8_t> space) override {
    if (first_.empty()) return endpoint_->Pull(space);
    const size_t take = std::min(space.size(), first_.size());
    std::copy_n(first_.begin(), take, space.begin());
    first_.erase(0, take);
    return {tunnel::Pulled::kBytes, take};
  }
  void Deliver(std::span<const uint8_t> bytes) override { endpoint_->Deliver(bytes); }
  void DeliverEnd() override { endpoint_->DeliverEnd(); }
  void OnClosed(const Failure* failure) override {
    ended_(failure);
    endpoint_->OnClosed(failure);
  }
  bool Gone() override { return endpoint_->Gone(); }

 private:
  const std::shared_ptr<tunnel::Endpoint> endpoint_;
  std::string first_;
  const size_t with_dial_;
  Ended ended_;
};

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
        local(tunnel::SocketEndpoint::Make(net::MakePlainSocket(loop, tunnel.fd), "",
                                           Hop::kClient)) {}

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
  attempt.local->OnHangUp([this, id] { Cancel(id); });
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
  std::string first = std::move(attempt.tunnel.first_bytes);
  if (first.empty()) first = ReadAhead(attempt.tunnel.fd, tunnel::kMaxEarlySent);
  std::string early = first.substr(0, tunnel::kMaxEarlySent);
  auto endpoint = std::make_shared<WatchedEndpoint>(attempt.local, std::move(first), early.size(),
                                                    std::move(attempt.tunnel.ended));
  opened.Dial(attempt.tunnel.address, std::max(attempt.expires - loop_.Now(), base::Duration{}),
              std::move(early), std::move(endpoint),
              [this, id](const Failure* failure) { OnAnswer(id, failure); });
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
  attempt.local->TakeSocket()->Abort();
  attempt.tunnel.answered(DialError("dial", attempt.tunnel.address, failure));
}

}  // namespace hawser::client
