#include "spoke/test_pods_api.h"

#include <glog/logging.h>

#include <utility>

#include "lib/net/dialer.h"
#include "lib/net/socket.h"
#include "lib/net/socket_address.h"
#include "lib/net/tls_handshake.h"
#include "lib/net/web_socket.h"

namespace hawser::spoke {
namespace {

constexpr base::Duration kDeadline = std::chrono::seconds(30);
constexpr uint8_t kBinary = 2;
const std::string kData(1, '\0');
const std::string kError(1, '\1');

std::string HttpAnswer(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

std::string ServerFrame(uint8_t opcode, const std::string& payload) {
  std::string frame(1, static_cast<char>(0x80 | opcode));
  const size_t size = payload.size();
  const int bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
  frame += static_cast<char>(bytes == 0 ? size : bytes == 2 ? 126 : 127);
  for (int i = bytes - 1; i >= 0; --i) frame += static_cast<char>(size >> 8 * i);
  return frame + payload;
}

std::optional<ClientFrame> TakeClientFrame(std::string& bytes) {
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(bytes[at]); };
  if (bytes.size() < 2) return std::nullopt;
  CHECK_EQ(byte(0) & 0xf0, 0x80);
  CHECK_EQ(byte(1) & 0x80, 0x80) << "clients mask";
  const size_t short_length = byte(1) & 0x7f;
  const size_t header = short_length < 126 ? 2 : short_length == 126 ? 4 : 10;
  if (bytes.size() < header + 4) return std::nullopt;
  size_t length = header == 2 ? short_length : 0;
  for (size_t i = 2; i < header; ++i) length = length << 8 | byte(i);
  if (bytes.size() < header + 4 + length) return std::nullopt;
  ClientFrame frame{static_cast<uint8_t>(byte(0) & 0x0f), bytes.substr(header + 4, length)};
  for (size_t i = 0; i < length; ++i) frame.payload[i] ^= bytes[header + i % 4];
  bytes.erase(0, header + 4 + length);
  return frame;
}

kube::Object Pod(const std::string& name, bool ready) {
  const kube::Object started = {{"type", "Initialized"}, {"status", "True"}};
  const kube::Object condition = {{"type", "Ready"}, {"status", ready ? "True" : "False"}};
  return {{"metadata", {{"namespace", "hub"}, {"name", name}}},
          {"status", {{"conditions", {started, condition}}}}};
}

TestPodsApi::TestPodsApi(net::EventLoop& loop, Options options)
    : loop_(loop), options_(std::move(options)) {
  if (!options_.tls.certificate.empty())
    tls_ = *net::TlsContext::Server(
        {.files = options_.tls, .alpn = {"http/1.1"}, .require_alpn = false});
  listener_ = *net::Listener::Tcp(loop, *net::BindEndpoint("127.0.0.1", 0));
  listener_->Start([this](int fd) { Accept(fd); });
}

kube::Config TestPodsApi::config() const {
  kube::Config config;
  config.server = {.tls = tls_ != nullptr, .host = "127.0.0.1", .port = port(), .prefix = ""};
  kube::StaticCredentials::Sources sources;
  sources.token = std::make_unique<kube::TextSource>("t0ken");
  config.credentials = std::make_shared<kube::StaticCredentials>(std::move(sources));
  return config;
}

std::string TestPodsApi::Kubeconfig() const {
  const std::string url = "http://127.0.0.1:" + std::to_string(port());
  const kube::Object cluster = {{"name", "hub"}, {"cluster", {{"server", url}}}};
  const kube::Object context = {{"name", "hub"}, {"context", {{"cluster", "hub"}}}};
  return kube::Object{{"current-context", "hub"},
                      {"clusters", kube::Object::array({cluster})},
                      {"contexts", kube::Object::array({context})}}
      .dump();
}

void TestPodsApi::Accept(int fd) {
  if (tls_ == nullptr) {
    Serve(net::MakePlainSocket(loop_, fd));
    return;
  }
  net::TlsAccept(loop_, fd, tls_, kDeadline, [this](auto socket) {
    if (socket.ok()) Serve(*std::move(socket));
  });
}

void TestPodsApi::Serve(std::unique_ptr<net::Socket> socket) {
  Client& client = clients_.emplace_back();
  client.peer = std::make_unique<testing::LoopbackPeer>(std::move(socket));
  client.peer->on_received = [this, &client] { OnReceived(client); };
  OnReceived(client);
}

void TestPodsApi::OnReceived(Client& client) {
  while (client.read < client.peer->received().size()) {
    const std::string bytes = client.peer->received().substr(client.read);
    if (client.upgraded) {
      client.read += bytes.size();
      client.frames += bytes;
      break;
    }
    const auto used =
        client.head->Feed({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    CHECK(used.ok()) << used.status();
    client.read += *used;
    if (client.head->complete()) Answer(client);
  }
  while (client.target != nullptr) {
    const auto frame = TakeClientFrame(client.frames);
    if (!frame) break;
    if (frame->opcode != kBinary) continue;
    CHECK(frame->payload.starts_with(kData));
    client.target->Send(frame->payload.substr(1));
  }
  if (client.peer->ended() && client.target != nullptr) client.target->Finish();
}

void TestPodsApi::Answer(Client& client) {
  const net::Metadata fields = client.head->headers();
  const std::string target = client.head->target();
  requests_.push_back({target, fields.Get("authorization"), fields.Get("sec-websocket-protocol")});
  const std::string key = fields.Get("sec-websocket-key");
  client.head = std::make_unique<net::Http1Head>();
  if (key.empty()) {
    const kube::Object list = {
        {"kind", "PodList"}, {"metadata", kube::Object::object()}, {"items", options_.pods}};
    if (!options_.silent) client.peer->Send(HttpAnswer(list.dump()));
    return;
  }
  if (!options_.answer.empty()) {
    client.peer->Send(options_.answer);
    client.peer->Finish();
    return;
  }
  const size_t ports = target.find("ports=");
  const int port = std::stoi(target.substr(ports + 6));
  const std::string port_bytes = {static_cast<char>(port), static_cast<char>(port >> 8)};
  client.upgraded = true;
  client.peer->Send(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      net::WebSocketAccept(key) + "\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n" +
      ServerFrame(kBinary, kData + port_bytes) + ServerFrame(kBinary, kError + port_bytes));
  if (options_.complaint.empty()) {
    Forward(client);
  } else {
    client.peer->Send(ServerFrame(kBinary, kError + options_.complaint));
    client.peer->Finish();
  }
}

void TestPodsApi::Forward(Client& client) {
  client.attempt = net::Connect(
      loop_, {{asio::ip::address_v4::loopback(), options_.target_port}}, kDeadline,
      [this, &client](absl::StatusOr<int> fd) {
        CHECK(fd.ok()) << fd.status();
        client.target = std::make_unique<testing::LoopbackPeer>(net::MakePlainSocket(loop_, *fd));
        client.target->on_received = [&client] {
          const std::string bytes = client.target->received().substr(client.forwarded);
          client.forwarded += bytes.size();
          if (!bytes.empty()) client.peer->Send(ServerFrame(kBinary, kData + bytes));
          if (client.target->ended()) client.peer->Finish();
        };
        OnReceived(client);
      });
}

void TestPodsApi::BreakForwards() {
  for (Client& client : clients_) {
    if (client.target == nullptr) continue;
    client.peer->Send(ServerFrame(kBinary, kData + "abc").substr(0, 4));
    client.peer->Finish();
    client.target.reset();
  }
}

}  // namespace hawser::spoke
