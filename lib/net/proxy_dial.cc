#include "lib/net/proxy_dial.h"

#include <fcntl.h>

#include <string>
#include <utility>

#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/net/byte_pump.h"
#include "lib/net/socket.h"
#include "lib/net/upgrade_dial.h"

namespace hawser::net {
namespace {

constexpr int kEstablishedMin = 200, kEstablishedMax = 299;  // any of them will do
constexpr int kCredentialsWanted = 407;

class ProxyAttempt final : public ConnectAttempt {
 public:
  ProxyAttempt(EventLoop& loop, Resolver& resolver, const ProxyServer& proxy,
               std::shared_ptr<TlsContext> tls, const base::HostPort& server,
               base::Duration deadline, Connected done)
      : loop_(loop),
        tls_(proxy.tls),
        context_("proxy " + FormatHostPort(proxy.address) + " for " + FormatHostPort(server)),
        done_(std::move(done)) {
    upgrade_ = RequestUpgrade(loop, resolver,
                              {.server = proxy.address,
                               .tls = proxy.tls ? std::move(tls) : nullptr,
                               .server_name = proxy.address.host,
                               .head = Request(proxy, FormatHostPort(server))},
                              deadline, [this](auto answer) { OnAnswer(std::move(answer)); });
  }

  absl::Status Broken() const override { return broken_; }

 private:
  static std::string Request(const ProxyServer& proxy, const std::string& server) {
    std::string request = "CONNECT " + server + " HTTP/1.1\r\nHost: " + server + "\r\n";
    if (!proxy.authorization.empty())
      request += "Proxy-Authorization: " + proxy.authorization + "\r\n";
    return request + "\r\n";
  }

  void OnAnswer(absl::StatusOr<UpgradeAnswer> answer) {
    auto fd = answer.ok() ? TakeOver(*std::move(answer)) : answer.status();
    upgrade_.reset();
    if (!fd.ok()) fd = base::Annotate(fd.status(), context_);
    Connected done = std::exchange(done_, nullptr);
    done(std::move(fd));  // may destroy this
  }

  absl::StatusOr<int> TakeOver(UpgradeAnswer answer) {
    const int status = answer.reply.status();
    if (status < kEstablishedMin || status > kEstablishedMax) {
      const std::string text =
          "answered " + std::to_string(status) + " " + base::Quote(answer.reply.reason());
      if (status == kCredentialsWanted) return absl::UnauthenticatedError(text);
      return absl::UnavailableError(text);
    }
    // The server speaks after the client.
    if (!answer.rest.empty()) return absl::InvalidArgumentError("sent bytes ahead of the server's");
    return tls_ ? PassOn(std::move(answer.socket)) : TakeDescriptor(*answer.socket);
  }

  static absl::StatusOr<int> TakeDescriptor(const Socket& socket) {
    const int fd = ::fcntl(socket.fd(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return base::ErrnoStatus(errno, "take the connection over");
    return fd;
  }

  absl::StatusOr<int> PassOn(std::unique_ptr<Socket> socket) {
    HAWSER_ASSIGN_OR_RETURN(Passage passage,
                            PassThrough(loop_, std::move(socket),
                                        [this](const absl::Status& status) { broken_ = status; }));
    pump_ = std::move(passage.pump);
    return passage.fd;
  }

  EventLoop& loop_;
  const bool tls_;
  const std::string context_;
  Connected done_;
  std::unique_ptr<ConnectAttempt> upgrade_;
  std::unique_ptr<BytePump> pump_;
  absl::Status broken_;
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
