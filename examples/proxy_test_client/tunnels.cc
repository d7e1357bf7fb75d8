#include "examples/proxy_test_client/tunnels.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "examples/proxy_test_client/http_response.h"
#include "lib/base/status.h"
#include "lib/client/dialer.h"
#include "lib/net/tls_context.h"

namespace hawser::examples {
namespace {

class GrpcTunnels final : public Tunnels {
 public:
  GrpcTunnels(const Options& options, std::unique_ptr<client::Dialer> dialer)
      : target_(base::FormatHostPort(options.target)), dialer_(std::move(dialer)) {}

  static absl::StatusOr<std::unique_ptr<Tunnels>> Make(const Options& options) {
    const std::string hub = options.proxy_path.empty() ? base::FormatHostPort(options.proxy)
                                                       : "unix:" + options.proxy_path;
    HAWSER_ASSIGN_OR_RETURN(auto dialer, client::Dialer::Make({.hub = hub, .tls = options.tls}));
    return std::make_unique<GrpcTunnels>(options, std::move(dialer));
  }

  absl::StatusOr<Channel> Dial() override {
    HAWSER_ASSIGN_OR_RETURN(client::Stream stream, dialer_->Dial(target_));
    return FromDescriptor(stream.ReleaseFd());
  }

 private:
  const std::string target_;
  const std::unique_ptr<client::Dialer> dialer_;
};

class ConnectTunnels final : public Tunnels {
 public:
  ConnectTunnels(const Options& options, std::shared_ptr<net::TlsContext> tls)
      : options_(options), tls_(std::move(tls)) {}

  static absl::StatusOr<std::unique_ptr<Tunnels>> Make(const Options& options) {
    std::shared_ptr<net::TlsContext> tls;
    if (options.proxy_path.empty()) {
      HAWSER_ASSIGN_OR_RETURN(
          tls, net::TlsContext::Client({.files = options.tls, .alpn = {}, .require_alpn = false}));
    }
    return std::make_unique<ConnectTunnels>(options, std::move(tls));
  }

  absl::StatusOr<Channel> Dial() override {
    HAWSER_ASSIGN_OR_RETURN(Channel channel, ConnectToProxy());
    const std::string target = base::FormatHostPort(options_.target);
    const std::string what = "CONNECT " + target;
    HAWSER_RETURN_IF_ERROR(Write(*channel, what + " HTTP/1.1\r\nHost: " + target +
                                               "\r\nUser-Agent: " + options_.user_agent +
                                               "\r\n\r\n"));
    const auto response = ReadConnectResponse(*channel);
    if (!response.ok()) return base::Annotate(response.status(), what);
    if (response->status == 200) return channel;
    return absl::UnavailableError(what + ": " + std::to_string(response->status) + " " +
                                  response->reason + ": " +
                                  std::string(absl::StripAsciiWhitespace(response->body)));
  }

 private:
  absl::StatusOr<Channel> ConnectToProxy() const {
    if (tls_ == nullptr) return ConnectUnix(options_.proxy_path);
    HAWSER_ASSIGN_OR_RETURN(Channel socket, ConnectTcp(options_.proxy));
    return StartTls(std::move(socket), tls_->get(), options_.proxy.host);
  }

  const Options options_;
  const std::shared_ptr<net::TlsContext> tls_;  // null for a Unix socket
};

}  // namespace

absl::StatusOr<std::unique_ptr<Tunnels>> Tunnels::Make(const Options& options) {
  return options.mode == Options::kGrpc ? GrpcTunnels::Make(options)
                                        : ConnectTunnels::Make(options);
}

}  // namespace hawser::examples
