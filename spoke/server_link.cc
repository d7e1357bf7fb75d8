#include "spoke/server_link.h"

#include <openssl/x509.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/numbers.h"
#include "lib/base/duration.h"
#include "lib/base/grpc_code.h"
#include "lib/net/proxy_dial.h"
#include "lib/net/socket_address.h"
#include "lib/net/tls_handshake.h"
#include "lib/pki/certificate.h"
#include "spoke/bearer_token.h"

namespace hawser::spoke {
namespace {

constexpr char kPath[] = "/AgentService/Connect";
// Go servers answer pings that come more often than every 30 s with GOAWAY.
constexpr base::Duration kPlainKeepalive = std::chrono::seconds(35);
// Addresses of one name that are tried.
constexpr size_t kMaxAddresses = 16;
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

// The final dot of a name is for DNS alone.
std::string Authority(base::HostPort address) {
  if (address.host.ends_with('.')) address.host.pop_back();
  return FormatHostPort(address);
}

}  // namespace

ServerLink::ServerLink(net::EventLoop& loop, const Resolvers& resolvers, const LinkOptions& options,
                       Counters& counters, std::shared_ptr<net::TlsContext> tls,
                       const base::HostPort& address, Admit admit, tunnel::LinkOwner& owner)
    : loop_(loop),
      options_(options),
      resolvers_(resolvers),
      counters_(counters),
      tls_(std::move(tls)),
      address_(address),
      admit_(std::move(admit)),
      owner_(owner),
      deadline_(loop) {
  deadline_.Set(base::Duration::zero(), [this] { Start(); });
}

ServerLink::~ServerLink() {
  ending_ = true;
  transport_.reset();
}

void ServerLink::Start() {
  if (const absl::Status status = CheckOwnCertificate(*tls_); !status.ok()) {
    Fail(status);
    return;
  }
  if (!options_.token_path.empty()) {
    auto token = ReadBearerToken(options_.token_path);
    if (!token.ok()) {
      Fail(token.status());
      return;
    }
    token_ = *std::move(token);
  }
  if (options_.port_forward != nullptr) {
    peer_ = options_.port_forward->Description();
    attempt_ = options_.port_forward->Dial(options_.timeout,
                                           [this](absl::StatusOr<int> fd) { OnConnected(fd); });
    return;
  }
  if (const net::ProxyServer* proxy = options_.proxies.For(address_)) {
    peer_ = "through the proxy " + FormatHostPort(proxy->address);
    attempt_ = net::ConnectThroughProxy(loop_, resolvers_.servers, *proxy, options_.proxy_tls,
                                        address_, options_.timeout,
                                        [this](absl::StatusOr<int> fd) { OnConnected(fd); });
    return;
  }
  query_ = resolvers_.servers.Resolve(address_.host, options_.timeout,
                                      [this](const auto& addresses) { OnResolved(addresses); });
}

void ServerLink::OnResolved(const absl::StatusOr<std::vector<asio::ip::address>>& addresses) {
  if (!addresses.ok()) {
    Fail(addresses.status());
    return;
  }
  for (const asio::ip::address& address : *addresses)
    if (untried_.size() < kMaxAddresses) untried_.emplace_back(address, address_.port);
  ConnectToNext();
}

void ServerLink::ConnectToNext() {
  attempt_ = net::Connect(loop_, untried_, options_.timeout, [this](absl::StatusOr<int> fd) {
    if (fd.ok()) {
      peer_ = net::PeerAddress(*fd);
      const auto tried = std::find_if(untried_.begin(), untried_.end(), [this](const auto& each) {
        return net::EndpointText(each) == peer_;
      });
      untried_.erase(tried != untried_.end() ? tried : untried_.begin());
    } else {
      untried_.clear();  // none of them answers
    }
    OnConnected(std::move(fd));
  });
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
  deadline_.Set(options_.timeout, [this] {
    Fail(absl::DeadlineExceededError("no answer from " + peer_ + " within " +
                                     base::FormatDuration(options_.timeout)));
  });
  transport_ = h2::Transport::Client(
      *std::move(socket), {.keepalive = std::max(kPlainKeepalive, options_.keepalive)},
      [this](const absl::Status& status) { OnTransportClosed(status); });
  OpenStream();
}

void ServerLink::OpenStream() {
  AgentSession::Owner& owner = *this;
  auto session =
      std::make_unique<AgentSession>(loop_, resolvers_.targets, options_.session, options_.targets,
                                     options_.clients, counters_, owner);
  net::Metadata headers;
  headers.Add("agentid", options_.agent_id);
  headers.Add("agentidentifiers", options_.identifiers);
  if (!token_.empty()) headers.Add("authorization", "Bearer " + token_);
  session->OfferFeatures(headers);
  session_ = session.get();
  const absl::Status opened =
      transport_->OpenStream(kPath, Authority(address_), headers, std::move(session));
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
  up_ = true;
  deadline_.Cancel();
  if (session_->features().any()) transport_->SetKeepalive(options_.keepalive);
  owner_.OnUp(*this);
}

void ServerLink::OnSessionClosed(const absl::Status& status) {
  session_ = nullptr;
  if (ending_) return;
  // A second link to one server is dropped by us.
  if (!status.ok() && (up_ || !absl::IsAlreadyExists(status)))
    ++counters_.stream_errors[base::GrpcCodeName(status.code())];
  refusal_ = status;
  const bool unasked = status.ok() && !draining_;
  transport_->Close(unasked ? absl::UnavailableError("the server ended the session") : status);
}

void ServerLink::OnTransportClosed(const absl::Status& status) {
  transport_.reset();
  // Behind its refusal a server says goodbye, which explains nothing.
  const absl::Status refusal = std::exchange(refusal_, absl::OkStatus());
  GoOn(refusal.ok() ? status : refusal);
}

void ServerLink::Fail(const absl::Status& status) {
  if (transport_ != nullptr) {
    transport_->Close(status);
  } else {
    GoOn(status);
  }
}

void ServerLink::GoOn(absl::Status status) {
  deadline_.Cancel();
  // Why the way broke explains more than that it did.
  if (attempt_ != nullptr && !attempt_->Broken().ok()) status = attempt_->Broken();
  if (up_ || draining_) {
    owner_.OnDown(*this, status);  // destroys this
    return;
  }
  // It may be elsewhere by now.
  resolvers_.servers.Forget(address_.host);
  // That one server is linked already explains less than why another one is not.
  if (failure_.ok() || absl::IsAlreadyExists(failure_)) failure_ = status;
  if (untried_.empty()) {
    owner_.OnDown(*this, failure_);  // destroys this
  } else {
    ConnectToNext();
  }
}

void ServerLink::Drain() {
  draining_ = true;
  if (session_ == nullptr) return;
  deadline_.Set(options_.drain_timeout, [this] {
    Fail(absl::DeadlineExceededError("replaced, and its connections did not end within " +
                                     base::FormatDuration(options_.drain_timeout)));
  });
  session_->SendDrain();
  FinishIfIdle();
}

void ServerLink::OnServerLeaving() {
  if (!up_) return;
  server_leaving_ = true;
  owner_.OnLeaving(*this);
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
