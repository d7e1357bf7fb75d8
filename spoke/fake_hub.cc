#include "spoke/fake_hub.h"

#include <glog/logging.h>

#include <utility>

#include "lib/net/socket.h"
#include "lib/net/tls_handshake.h"
#include "lib/tunnel/socket_endpoint.h"

namespace hawser::spoke {
namespace {

constexpr base::Duration kDeadline = std::chrono::seconds(30);

}  // namespace

void FakeHub::Session::OnOpen(net::MessageStream& stream, const net::Metadata& headers) {
  request_ = headers;
  DialingSession::OnOpen(stream, hub_.options_.plain ? net::Metadata() : headers);
  if (!hub_.options_.refusal.ok()) {
    ++hub_.refused_;
    stream.Finish(hub_.options_.refusal);
    for (const auto& [number, transport] : hub_.transports_) transport->GoAway();  // as hubs do
    return;
  }
  net::Metadata answer;
  answer.Add("serverid", hub_.options_.id);
  answer.Add("servercount", std::to_string(hub_.options_.count));
  AnswerFeatures(answer);
  stream.SendHeaders(answer);
  hub_.sessions_.push_back(this);
}

void FakeHub::Session::OnClosed(const absl::Status& status) {
  std::erase(hub_.sessions_, this);
  DialingSession::OnClosed(status);
}

FakeHub::FakeHub(net::EventLoop& loop, const net::TlsFiles& files, Options options)
    : loop_(loop), options_(std::move(options)) {
  auto tls = net::TlsContext::Server({.files = files});
  CHECK(tls.ok()) << tls.status();
  tls_ = *std::move(tls);
}

void FakeHub::ListenAt(const std::string& address, uint16_t port) {
  auto listener = net::Listener::Tcp(loop_, *net::BindEndpoint(address, port));
  CHECK(listener.ok()) << listener.status();
  listener_ = *std::move(listener);
  port_ = listener_->port();
  listener_->Start([this](int fd) { Accept(fd); });
}

void FakeHub::Stop() {
  listener_.reset();
  transports_.clear();
}

void FakeHub::Accept(int fd) {
  net::TlsAccept(loop_, fd, tls_, kDeadline, [this](auto socket) {
    // One that was on its way when the hub stopped comes too late.
    if (socket.ok() && listener_ != nullptr) Serve(*std::move(socket));
  });
}

void FakeHub::Serve(std::unique_ptr<net::Socket> socket) {
  const size_t number = ++handshakes_;
  transports_[number] = h2::Transport::Server(
      std::move(socket), {},
      [this](const std::string& path, const auto&) {
        CHECK_EQ(path, "/AgentService/Connect");
        return std::make_unique<Session>(*this);
      },
      [this, number](const absl::Status&) { transports_.erase(number); });
}

std::shared_ptr<FakeHub::Dialled> FakeHub::Dial(Session& session, const std::string& address,
                                                const std::string& client) {
  const auto [near, far] = testing::UnixPair();
  auto dialled = std::make_shared<Dialled>();
  dialled->client = std::make_unique<testing::LoopbackPeer>(net::MakePlainSocket(loop_, far));
  auto endpoint =
      tunnel::SocketEndpoint::Make(net::MakePlainSocket(loop_, near), "", tunnel::Hop::kClient);
  loop_.RunTurn([&] {
    dialled->id = session.StartDial({.address = address, .timeout = kDeadline, .client = client},
                                    std::move(endpoint), [dialled](const tunnel::Failure* failure) {
                                      dialled->done = true;
                                      if (failure != nullptr) dialled->failure = *failure;
                                    });
  });
  return dialled;
}

}  // namespace hawser::spoke
