#include "lib/net/proxy_dial.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/net/byte_pump.h"
#include "lib/net/connect_reply.h"
#include "lib/net/socket.h"
#include "lib/net/tls_handshake.h"

namespace hawser::net {
namespace {

constexpr int kEstablishedMin = 200, kEstablishedMax = 299;  // any of them will do
constexpr int kCredentialsWanted = 407;

// resolve -> connect -> (TLS) -> write the request -> read the reply -> hand the connection over
class ProxyAttempt final : public ConnectAttempt {
 public:
  ProxyAttempt(EventLoop& loop, Resolver& resolver, const ProxyServer& proxy,
               std::shared_ptr<TlsContext> tls, const base::HostPort& server,
               base::Duration deadline, Connected done)
      : loop_(loop),
        proxy_(proxy),
        tls_(std::move(tls)),
        context_("proxy " + FormatHostPort(proxy.address) + " for " + FormatHostPort(server)),
        request_(Request(proxy, FormatHostPort(server))),
        due_(loop.Now() + deadline),
        done_(std::move(done)),
        deadline_(loop) {
    deadline_.Set(deadline, [this] { Fail(absl::DeadlineExceededError("no answer in time")); });
    lookup_ = resolver.Resolve(proxy.address.host, deadline,
                               [this](const auto& addresses) { OnResolved(addresses); });
  }

 private:
  static std::string Request(const ProxyServer& proxy, const std::string& server) {
    std::string request = "CONNECT " + server + " HTTP/1.1\r\nHost: " + server + "\r\n";
    if (!proxy.authorization.empty())
      request += "Proxy-Authorization: " + proxy.authorization + "\r\n";
    return request + "\r\n";
  }

  base::Duration TimeLeft() const { return due_ - loop_.Now(); }

  void OnResolved(const absl::StatusOr<std::vector<asio::ip::address>>& addresses) {
    if (!addresses.ok()) {
      Fail(addresses.status());
      return;
    }
    std::vector<asio::ip::tcp::endpoint> endpoints;
    for (const asio::ip::address& address : *addresses)
      endpoints.emplace_back(address, proxy_.address.port);
    connect_ = Connect(loop_, std::move(endpoints), TimeLeft(),
                       [this](absl::StatusOr<int> fd) { OnConnected(std::move(fd)); });
  }

  void OnConnected(absl::StatusOr<int> fd) {
    if (!fd.ok()) {
      Fail(fd.status());
    } else if (proxy_.tls) {
      TlsConnect(loop_, *fd, tls_, proxy_.address.host, TimeLeft(),
                 [this, alive = std::weak_ptr<char>(alive_)](auto socket) {
                   if (!alive.expired()) OnSecured(std::move(socket));
                 });
    } else {
      socket_ = MakePlainSocket(loop_, *fd);
      WriteRequest();
    }
  }

  void OnSecured(absl::StatusOr<std::unique_ptr<Socket>> socket) {
    if (!socket.ok()) {
      Fail(socket.status());
      return;
    }
    socket_ = *std::move(socket);
    WriteRequest();
  }

  void WriteRequest() {
    while (written_ < request_.size()) {
      const iovec rest{request_.data() + written_, request_.size() - written_};
      const Socket::Result result = socket_->Write({&rest, 1});
      if (result.kind == Socket::Result::kWouldBlock) {
        socket_->WaitWritable([this] { WriteRequest(); });
        return;
      }
      if (result.kind != Socket::Result::kOk) {
        Fail(socket_->error());
        return;
      }
      written_ += result.bytes;
    }
    ReadReply();
  }

  void ReadReply() {
    while (!reply_.complete()) {
      uint8_t space[4096];
      const Socket::Result result = socket_->Read(space);
      if (result.kind == Socket::Result::kWouldBlock) {
        socket_->WaitReadable([this] { ReadReply(); });
        return;
      }
      if (result.kind != Socket::Result::kOk) {
        Fail(result.kind == Socket::Result::kEnd ? absl::UnavailableError("closed the connection")
                                                 : socket_->error());
        return;
      }
      const auto used = reply_.Feed({space, result.bytes});
      if (!used.ok()) {
        Fail(used.status());
        return;
      }
      // The server speaks after the client.
      if (reply_.complete() && Established() && *used < result.bytes) {
        Fail(absl::InvalidArgumentError("sent bytes ahead of the server's"));
        return;
      }
    }
    OnReply();
  }

  bool Established() const {
    return reply_.status() >= kEstablishedMin && reply_.status() <= kEstablishedMax;
  }

  void OnReply() {
    if (!Established()) {
      const std::string answer =
          "answered " + std::to_string(reply_.status()) + " " + base::Quote(reply_.reason());
      Fail(reply_.status() == kCredentialsWanted ? absl::UnauthenticatedError(answer)
                                                 : absl::UnavailableError(answer));
      return;
    }
    const auto fd = proxy_.tls ? PassOn() : TakeDescriptor();
    if (!fd.ok()) {
      Fail(fd.status());
    } else {
      Finish(*fd);
    }
  }

  absl::StatusOr<int> TakeDescriptor() {
    const int fd = ::fcntl(socket_->fd(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return base::ErrnoStatus(errno, "take the connection over");
    socket_.reset();
    return fd;
  }

  // One end of a pair of sockets that leads through the proxy's TLS.
  absl::StatusOr<int> PassOn() {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
      return base::ErrnoStatus(errno, "pass the connection on");
    pump_ = std::make_unique<BytePump>(std::move(socket_), MakePlainSocket(loop_, pair[0]),
                                       [](const absl::Status&) {});
    return pair[1];
  }

  void Fail(const absl::Status& status) { Finish(base::Annotate(status, context_)); }

  void Finish(absl::StatusOr<int> result) {
    deadline_.Cancel();
    lookup_.reset();
    connect_.reset();
    socket_.reset();
    Connected done = std::exchange(done_, nullptr);
    done(std::move(result));  // may destroy this
  }

  EventLoop& loop_;
  const ProxyServer proxy_;
  const std::shared_ptr<TlsContext> tls_;
  const std::string context_;
  std::string request_;
  const base::Time due_;
  Connected done_;
  base::Timer deadline_;
  std::unique_ptr<Lookup> lookup_;
  std::unique_ptr<ConnectAttempt> connect_;
  std::unique_ptr<Socket> socket_;
  size_t written_ = 0;  // of the request
  ConnectReply reply_;
  std::unique_ptr<BytePump> pump_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // for the handshake, never cancelled
};

}  // namespace

absl::StatusOr<std::shared_ptr<TlsContext>> ProxyTls(const std::string& ca) {
  return TlsContext::Client({.files = {.certificate = "", .key = "", .ca = ca},
                             .system_roots = true,
                             .alpn = {"http/1.1"},
                             .require_alpn = false});
}

std::unique_ptr<ConnectAttempt> ConnectThroughProxy(EventLoop& loop, Resolver& resolver,
                                                    const ProxyServer& proxy,
                                                    std::shared_ptr<TlsContext> tls,
                                                    const base::HostPort& server,
                                                    base::Duration deadline, Connected done) {
  return std::make_unique<ProxyAttempt>(loop, resolver, proxy, std::move(tls), server, deadline,
                                        std::move(done));
}

}  // namespace hawser::net
