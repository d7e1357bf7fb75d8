#include "spoke/server_link.h"

#include <openssl/x509.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/numbers.h"
#include "lib/base/duration.h"
#include "lib/net/tls_handshake.h"
#include "lib/pki/certificate.h"

namespace hawser::spoke {
namespace {

constexpr char kPath[] = "/AgentService/Connect";
// Go servers answer pings that come more often than every 30 s with GOAWAY.
constexpr base::Duration kPlainKeepalive = std::chrono::seconds(35);
// How long a server may take to end a stream that we have ended.
constexpr base::Duration kFinishTimeout = std::chrono::seconds(5);

// A server would only say "alert: certificate expired", if it says anything.
absl::Status CheckOwnCertificate(const net::TlsContext& tls) {
  const X509* certificate = SSL_CTX_get0_certificate(tls.get());
  if (certificate == nullptr) return absl::OkStatus();
  const auto left = pki::TimeLeft(certificate, std::chrono::system_clock::now());
  if (left.count() > 0) return absl::OkStatus();
  return absl::FailedPreconditionError("this agent's own certificate expired " +
                                       base::FormatDuration(-left) + " ago");
}

}  // namespace

ServerLink::ServerLink(net::EventLoop& loop, net::Resolver& resolver, const LinkOptions& options,
                       Counters& counters, std::shared_ptr<net::TlsContext> tls,
                       const base::HostPort& address, Admit admit, tunnel::LinkOwner& owner)
    : loop_(loop),
      options_(options),
      resolver_(resolver),
      counters_(counters),
      tls_(std::move(tls)),
      address_(address),
      admit_(std::move(admit)),
      owner_(owner),
      deadline_(loop) {
  if (const absl::Status status = CheckOwnCertificate(*tls_); !status.ok()) {
    deadline_.Set(base::Duration::zero(), [this, status] { Fail(status); });
    return;
  }
  deadline_.Set(options_.timeout, [this] {
    Fail(absl::DeadlineExceededError("no answer within " + base::FormatDuration(options_.timeout)));
  });
  query_ = resolver_.Resolve(address_.host, options_.timeout,
                             [this](const auto& addresses) { OnResolved(addresses); });
}

ServerLink::~ServerLink() {
  ending_ = true;
  transport_.reset();
}

void ServerLink::OnResolved(const absl::StatusOr<std::vector<asio::ip::address>>& addresses) {
  if (!addresses.ok()) {
    Fail(addresses.status());
    return;
  }
  std::vector<asio::ip::tcp::endpoint> endpoints;
  for (const asio::ip::address& address : *addresses)
    endpoints.emplace_back(address, address_.port);
  attempt_ = net::Connect(loop_, std::move(endpoints), options_.timeout,
                          [this](absl::StatusOr<int> fd) { OnConnected(std::move(fd)); });
}

void ServerLink::OnConnected(absl::StatusOr<int> fd) {
  if (!fd.ok()) {
    Fail(fd.status());
    return;
  }
  net::TlsConnect(loop_, *fd, tls_, address_.host, options_.timeout,
                  [this, alive = std::weak_ptr<char>(alive_)](auto socket) {
                    if (!alive.expired()) OnSecured(std::move(socket));
                  });
}

void ServerLink::OnSecured(absl::StatusOr<std::unique_ptr<net::Socket>> socket) {
  if (!socket.ok()) {
    Fail(socket.status());
    return;
  }
  peer_ = (*socket)->peer().address;
  transport_ = h2::Transport::Client(
      *std::move(socket), {.keepalive = std::max(kPlainKeepalive, options_.keepalive)},
      [this](const absl::Status& status) { owner_.OnDown(*this, status); });
  OpenStream();
}

void ServerLink::OpenStream() {
  AgentSession::Owner& owner = *this;
  auto session = std::make_unique<AgentSession>(loop_, resolver_, options_.session,
                                                options_.targets, counters_, owner);
  net::Metadata headers;
  headers.Add("agentid", options_.agent_id);
  headers.Add("agentidentifiers", options_.identifiers);
  session->OfferFeatures(headers);
  session_ = session.get();
  const absl::Status opened =
      transport_->OpenStream(kPath, FormatHostPort(address_), headers, std::move(session));
  if (opened.ok()) return;
  session_ = nullptr;
  transport_->Close(opened);
}

void ServerLink::OnAccepted(const net::Metadata& headers) {
  server_.id = tunnel::WireText(headers.Get("serverid"));
  if (!absl::SimpleAtoi(headers.Get("servercount"), &server_.count)) server_.count = 0;
  if (const absl::Status admitted = admit_(server_); !admitted.ok()) {
    transport_->Close(admitted);
    return;
  }
  deadline_.Cancel();
  if (session_->features().any()) transport_->SetKeepalive(options_.keepalive);
  owner_.OnUp(*this);
}

void ServerLink::OnSessionClosed(const absl::Status& status) {
  session_ = nullptr;
  if (ending_) return;
  const bool unasked = status.ok() && !draining_;
  transport_->Close(unasked ? absl::UnavailableError("the server ended the session") : status);
}

void ServerLink::Fail(const absl::Status& status) {
  if (transport_ != nullptr) {
    transport_->Close(status);
  } else {
    owner_.OnDown(*this, status);  // destroys this
  }
}

void ServerLink::Drain() {
  draining_ = true;
  if (session_ == nullptr) return;
  session_->SendDrain();
  FinishIfIdle();
}

void ServerLink::OnIdle() {
  if (draining_ && !ending_) FinishIfIdle();
}

// Ends the stream behind everything that is still to be sent on it.
void ServerLink::FinishIfIdle() {
  if (session_ == nullptr || !session_->idle() || session_->stream() == nullptr) return;
  session_->stream()->Finish(absl::OkStatus());
  deadline_.Set(kFinishTimeout, [this] { transport_->Close(absl::OkStatus()); });
}

base::Duration ServerLink::RoundTrip() const {
  return transport_ != nullptr ? transport_->RoundTrip() : base::Duration::zero();
}

}  // namespace hawser::spoke
