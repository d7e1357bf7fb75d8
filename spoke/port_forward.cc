#include "spoke/port_forward.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "lib/base/build_info.h"
#include "lib/base/host_port.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/kube/api_error.h"
#include "lib/net/byte_pump.h"
#include "lib/net/upgrade_dial.h"
#include "lib/net/web_socket.h"
#include "spoke/port_forward_socket.h"

namespace hawser::spoke {
namespace {

constexpr int kSwitching = 101;
constexpr int kFirstError = 400;
constexpr int kUnauthorized = 401;

base::HostPort AddressOf(const kube::Config& config) {
  return {config.server.host, config.server.port};
}

// choose a pod -> ask the API server for a WebSocket to it -> hand over one end of a passage
class PortForwardAttempt final : public net::ConnectAttempt {
 public:
  PortForwardAttempt(net::EventLoop& loop, net::Resolver& resolver, ReadyPods& pods,
                     const PortForwardTarget& target, base::Duration deadline, net::Connected done)
      : loop_(loop),
        resolver_(resolver),
        config_(pods.config()),
        target_(target),
        due_(loop.Now() + deadline),
        done_(std::move(done)),
        deadline_(loop) {
    deadline_.Set(deadline, [this] { Finish(absl::DeadlineExceededError("no pods in time")); });
    pods.Choose([this, &loop, alive = std::weak_ptr<char>(alive_)](auto choice) {
      loop.Post([this, alive, choice = std::move(choice)]() mutable {
        if (!alive.expired()) OnChosen(std::move(choice));
      });
    });
  }

  absl::Status Broken() const override { return broken_; }

 private:
  void OnChosen(absl::StatusOr<ReadyPods::Choice> choice) {
    if (done_ == nullptr) return;  // too late
    deadline_.Cancel();
    if (!choice.ok()) {
      Finish(choice.status());
      return;
    }
    choice_ = *std::move(choice);
    context_ = "port-forward to pod " + target_.ns + "/" + choice_.pod + " through " +
               FormatHostPort(AddressOf(config_));
    auto head = Request();
    if (!head.ok()) {
      Finish(head.status());
      return;
    }
    const std::string& name = config_.server_name;
    upgrade_ = net::RequestUpgrade(loop_, resolver_,
                                   {.server = AddressOf(config_),
                                    .tls = choice_.tls,
                                    .server_name = name.empty() ? config_.server.host : name,
                                    .head = *std::move(head)},
                                   due_ - loop_.Now(),
                                   [this](auto answer) { OnAnswer(std::move(answer)); });
  }

  absl::StatusOr<std::string> Request() const {
    HAWSER_ASSIGN_OR_RETURN(const std::string path,
                            kube::ObjectPath(kPods.Sub("portforward"), {target_.ns, choice_.pod}));
    const std::string& token = choice_.credential.token;
    if (std::any_of(token.begin(), token.end(), [](char c) { return c <= ' ' || c > '~'; }))
      return absl::InvalidArgumentError("the kubeconfig's token is no word");
    return "GET " + config_.server.prefix + path + "?ports=" + std::to_string(target_.port) +
           " HTTP/1.1\r\nHost: " + FormatHostPort(AddressOf(config_)) + "\r\nUser-Agent: hawser/" +
           base::GetBuildInfo().version +
           (token.empty() ? "" : "\r\nAuthorization: Bearer " + token) +
           "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"
           "\r\nSec-WebSocket-Key: " +
           key_ + "\r\nSec-WebSocket-Protocol: " + PortForwardSocket::kProtocol + "\r\n\r\n";
  }

  void OnAnswer(absl::StatusOr<net::UpgradeAnswer> answer) {
    auto fd = answer.ok() ? TakeOver(*std::move(answer)) : answer.status();
    Finish(std::move(fd));
  }

  absl::StatusOr<int> TakeOver(net::UpgradeAnswer answer) {
    HAWSER_RETURN_IF_ERROR(CheckReply(answer));
    auto socket = std::make_unique<PortForwardSocket>(std::move(answer.socket),
                                                      std::move(answer.rest), target_.port);
    HAWSER_ASSIGN_OR_RETURN(
        net::Passage passage,
        net::PassThrough(loop_, std::move(socket), [this](const absl::Status& status) {
          if (!status.ok()) broken_ = base::Annotate(status, context_);
        }));
    pump_ = std::move(passage.pump);
    return passage.fd;
  }

  absl::Status CheckReply(const net::UpgradeAnswer& answer) const {
    const net::ConnectReply& reply = answer.reply;
    if (reply.status() == kUnauthorized) config_.credentials->OnRefused(choice_.credential);
    if (reply.status() >= kFirstError) return kube::ApiError(reply.status(), answer.rest);
    if (reply.status() != kSwitching)
      return absl::UnavailableError("answered " + std::to_string(reply.status()) + " " +
                                    base::Quote(reply.reason()));
    const net::Metadata& fields = reply.fields();
    if (!absl::EqualsIgnoreCase(fields.Get("upgrade"), "websocket") ||
        fields.Get("sec-websocket-accept") != net::WebSocketAccept(key_) ||
        fields.Get("sec-websocket-protocol") != PortForwardSocket::kProtocol)
      return absl::UnavailableError("it speaks no websocket with " +
                                    std::string(PortForwardSocket::kProtocol));
    return absl::OkStatus();
  }

  void Finish(absl::StatusOr<int> result) {
    deadline_.Cancel();
    upgrade_.reset();
    if (!result.ok()) result = base::Annotate(result.status(), context_);
    net::Connected done = std::exchange(done_, nullptr);
    done(std::move(result));  // may destroy this
  }

  net::EventLoop& loop_;
  net::Resolver& resolver_;
  const kube::Config& config_;
  const PortForwardTarget& target_;
  const base::Time due_;
  net::Connected done_;
  base::Timer deadline_;
  const std::string key_ = net::NewWebSocketKey();
  ReadyPods::Choice choice_;
  std::string context_ = "port-forward";
  std::unique_ptr<net::ConnectAttempt> upgrade_;
  std::unique_ptr<net::BytePump> pump_;
  absl::Status broken_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // for what comes from the pods' thread
};

}  // namespace

PortForward::PortForward(net::EventLoop& loop, net::Resolver& resolver, kube::Config config,
                         PortForwardTarget target)
    : loop_(loop),
      resolver_(resolver),
      target_(std::move(target)),
      pods_(std::move(config), target_.ns, target_.label_selector) {}

std::unique_ptr<net::ConnectAttempt> PortForward::Dial(base::Duration deadline,
                                                       net::Connected done) {
  return std::make_unique<PortForwardAttempt>(loop_, resolver_, pods_, target_, deadline,
                                              std::move(done));
}

std::string PortForward::Description() const {
  return "a pod of namespace " + target_.ns + " through " +
         FormatHostPort(AddressOf(pods_.config()));
}

}  // namespace hawser::spoke
