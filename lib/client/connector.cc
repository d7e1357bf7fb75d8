#include "lib/client/connector.h"

#include <utility>

#include "lib/base/status.h"

namespace hawser::client {
namespace {

constexpr char kUnix[] = "unix:";

}  // namespace

absl::StatusOr<std::unique_ptr<Connector>> Connector::Make(net::EventLoop& loop,
                                                           const std::string& hub,
                                                           const net::TlsFiles& tls) {
  std::unique_ptr<Connector> connector(new Connector(loop, hub));
  if (hub.starts_with(kUnix)) {
    connector->path_ = hub.substr(sizeof(kUnix) - 1);
    if (connector->path_.empty())
      return absl::InvalidArgumentError("hub address " + hub + ": the path is empty");
    return connector;
  }
  auto address = base::ParseHostPort(hub);
  if (!address.ok()) return base::Annotate(address.status(), "hub address");
  connector->address_ = *std::move(address);
  // A missing CA never means "no check".
  if (tls.ca.empty())
    return absl::InvalidArgumentError("hub address " + hub +
                                      ": TLS needs the CA of the hub's certificate");
  net::TlsOptions options;
  options.files = tls;
  HAWSER_ASSIGN_OR_RETURN(connector->tls_, net::TlsContext::Client(options));
  return connector;
}

Connector::~Connector() = default;

void Connector::Connect(base::Duration timeout, net::SocketReady done) {
  expires_ = loop_.Now() + timeout;
  done_ = std::move(done);
  // Never from within the caller.
  later_.Set(base::Duration::zero(), [this] { path_.empty() ? Resolve() : ConnectUnix(); });
}

void Connector::Cancel() {
  done_ = nullptr;
  later_.Cancel();
  lookup_.reset();
  connecting_.reset();
  handshake_.reset();
}

void Connector::ConnectUnix() {
  absl::StatusOr<int> fd = net::ConnectUnix(path_);
  if (!fd.ok()) return Done(fd.status());
  Done(net::MakePlainSocket(loop_, *fd));
}

void Connector::Resolve() {
  lookup_ = resolver_.Resolve(address_.host, TimeLeft(),
                              [this](absl::StatusOr<std::vector<asio::ip::address>> addresses) {
                                if (!addresses.ok()) return Done(addresses.status());
                                ConnectTcp(*addresses);
                              });
}

void Connector::ConnectTcp(const std::vector<asio::ip::address>& addresses) {
  std::vector<asio::ip::tcp::endpoint> endpoints;
  for (const asio::ip::address& address : addresses) endpoints.emplace_back(address, address_.port);
  connecting_ =
      net::Connect(loop_, std::move(endpoints), TimeLeft(), [this](absl::StatusOr<int> fd) {
        if (!fd.ok()) return Done(fd.status());
        Handshake(*fd);
      });
}

void Connector::Handshake(int fd) {
  handshake_ = std::make_shared<Connector*>(this);
  net::TlsConnect(
      loop_, fd, tls_, address_.host, TimeLeft(),
      [attempt = std::weak_ptr(handshake_)](absl::StatusOr<std::unique_ptr<net::Socket>> socket) {
        if (const auto connector = attempt.lock()) (*connector)->Done(std::move(socket));
      });
}

void Connector::Done(absl::StatusOr<std::unique_ptr<net::Socket>> socket) {
  net::SocketReady done = std::move(done_);
  Cancel();
  if (!socket.ok()) {
    resolver_.Forget(address_.host);  // it may be elsewhere by now
    done(base::Annotate(socket.status(), "hub " + hub_));
  } else {
    done(std::move(socket));
  }
}

}  // namespace hawser::client
