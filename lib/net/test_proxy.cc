#include "lib/net/test_proxy.h"

#include <glog/logging.h>

#include <utility>

#include "lib/net/socket.h"
#include "lib/net/socket_address.h"
#include "lib/net/tls_handshake.h"

namespace hawser::net {
namespace {

constexpr base::Duration kDeadline = std::chrono::seconds(30);

}  // namespace

TestProxy::TestProxy(EventLoop& loop, Options options) : loop_(loop), options_(std::move(options)) {
  if (!options_.tls.certificate.empty()) {
    tls_ = *TlsContext::Server({.files = options_.tls, .alpn = {"http/1.1"}});
    SSL_CTX_set_verify(tls_->get(), SSL_VERIFY_NONE, nullptr);
  }
  listener_ = *Listener::Tcp(loop, *BindEndpoint("127.0.0.1", 0));
  listener_->Start([this](int fd) { Accept(fd); });
}

void TestProxy::Accept(int fd) {
  if (tls_ == nullptr) {
    Serve(MakePlainSocket(loop_, fd));
    return;
  }
  TlsAccept(loop_, fd, tls_, kDeadline, [this](auto socket) {
    if (socket.ok()) Serve(*std::move(socket));
  });
}

void TestProxy::Serve(std::unique_ptr<Socket> socket) {
  Client& client = *clients_.emplace_back(std::make_unique<Client>());
  client.socket = std::move(socket);
  ReadHead(client);
}

void TestProxy::ReadHead(Client& client) {
  uint8_t space[4096];
  const Socket::Result result = client.socket->Read(space);
  if (result.kind == Socket::Result::kWouldBlock) {
    client.socket->WaitReadable([this, &client] { ReadHead(client); });
    return;
  }
  if (result.kind != Socket::Result::kOk) return;
  const auto used = client.head.Feed({space, result.bytes});
  CHECK(used.ok() && client.head.complete()) << used.status();
  CHECK_EQ(*used, result.bytes) << "a client waits for the answer";
  CHECK_EQ(client.head.method(), "CONNECT");
  requests_.push_back({client.head.target(), client.head.headers().Get("proxy-authorization")});
  if (!options_.answer.empty()) {
    Answer(client, options_.answer);
  } else if (requests_.back().authorization != options_.authorization) {
    Answer(client, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
  } else {
    client.attempt = Connect(loop_, {{asio::ip::address_v4::loopback(), options_.target_port}},
                             kDeadline, [this, &client](auto fd) { OnConnected(client, fd); });
  }
}

void TestProxy::OnConnected(Client& client, absl::StatusOr<int> fd) {
  if (!fd.ok()) {
    Answer(client, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  Answer(client, "HTTP/1.1 200 Connection established\r\n\r\n");
  client.pump = std::make_unique<BytePump>(std::move(client.socket), MakePlainSocket(loop_, *fd),
                                           [](const absl::Status&) {});
}

void TestProxy::Answer(Client& client, const std::string& text) {
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  CHECK_EQ(client.socket->Write({&piece, 1}).bytes, text.size());
}

}  // namespace hawser::net
