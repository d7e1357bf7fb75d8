#include "hub/tls_acceptor.h"

#include <unistd.h>

#include <utility>
#include <variant>

#include "lib/net/socket_address.h"

namespace hawser::hub {
namespace {

// ResourceExhausted is what others took, and nothing else that ends a handshake is.
HandshakeResult ResultOf(const absl::Status& outcome) {
  if (outcome.ok()) return HandshakeResult::kDone;
  if (absl::IsDeadlineExceeded(outcome)) return HandshakeResult::kTimedOut;
  return absl::IsResourceExhausted(outcome) ? HandshakeResult::kDisplaced
                                            : HandshakeResult::kFailed;
}

}  // namespace

TlsAcceptor::TlsAcceptor(net::EventLoop& loop, std::unique_ptr<net::Listener> listener,
                         Options options, ConnectionLimits& limits, HandshakeCounts& counts,
                         Callbacks callbacks)
    : loop_(loop),
      listener_(std::move(listener)),
      options_(std::move(options)),
      limits_(limits),
      counts_(counts),
      callbacks_(std::move(callbacks)),
      places_(options_.places) {
  counts_.AddPlaces(options_.places.places);
  CountShare();
}

TlsAcceptor::~TlsAcceptor() {
  listener_.reset();
  while (!unfinished_.empty())
    unfinished_.begin()->second->Cancel(absl::CancelledError("the hub is stopping"));
}

void TlsAcceptor::Start() {
  listener_->Start([this](int fd) { OnAccept(fd); });
}

void TlsAcceptor::OnAccept(int fd) {
  const std::string address = net::PeerAddress(fd);
  // Before anybody is displaced for it.
  auto permit = limits_.Admit(options_.port, address);
  if (!permit.ok()) {
    ::close(fd);
    callbacks_.refused(loop_.Now(), address, permit.status());
    return;
  }
  const auto taken = places_.Take(net::PeerNetwork(address), loop_.Now());
  if (const auto* refusal = std::get_if<HandshakePlaces::Refusal>(&taken)) {
    if (*refusal == HandshakePlaces::Refusal::kNoPlace) {
      Refuse(fd, address, HandshakeResult::kNoPlace, "too many unfinished tls handshakes");
    } else {
      Refuse(fd, address, HandshakeResult::kFailures, "too many tls handshakes from there failed");
    }
    return;
  }
  const auto& [id, displaced] = std::get<HandshakePlaces::Place>(taken);
  if (displaced)
    unfinished_.at(*displaced)
        ->Cancel(absl::ResourceExhaustedError("an unfinished tls handshake made room for others"));
  CountShare();
  counts_.Begin();
  unfinished_[id] =
      net::TlsAccept(loop_, fd, options_.tls->Get(), options_.timeout,
                     [this, id = id, address, permit = *std::move(permit)](auto outcome) mutable {
                       OnEnded(id, address, std::move(permit), std::move(outcome));
                     });
}

void TlsAcceptor::CountShare() {
  const size_t share = places_.share();
  counts_.ChangeShare(std::exchange(share_, share), share);
}

void TlsAcceptor::Refuse(int fd, const std::string& address, HandshakeResult result,
                         const char* why) {
  ::close(fd);
  counts_.Add(result);
  callbacks_.refused(loop_.Now(), address, absl::ResourceExhaustedError(why));
}

void TlsAcceptor::OnEnded(Id id, const std::string& address, ConnectionPermit permit,
                          absl::StatusOr<std::unique_ptr<net::Socket>> outcome) {
  const auto handshake = std::move(unfinished_.extract(id).mapped());
  counts_.End();
  places_.Return(id, loop_.Now(), !outcome.ok() && handshake->begun());
  CountShare();
  if (absl::IsCancelled(outcome.status())) return;
  counts_.Add(ResultOf(outcome.status()));
  if (outcome.ok()) {
    callbacks_.connected(*std::move(outcome), std::move(permit));
  } else {
    callbacks_.failed(loop_.Now(), address, outcome.status());
  }
}

}  // namespace hawser::hub
