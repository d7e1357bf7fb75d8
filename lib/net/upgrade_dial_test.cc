#include "lib/net/upgrade_dial.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "lib/net/listener.h"
#include "lib/net/socket_address.h"
#include "lib/net/test_dns_server.h"
#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::net {
namespace {

using ::hawser::testing::LoopbackPeer;
using ::hawser::testing::RunUntil;
using ::hawser::testing::StatusIs;

TEST(UpgradeDialTest, OneThatIsKeptIsSilentAfterItsEnd) {
  EventLoop loop;
  Resolver resolver(loop);
  std::unique_ptr<LoopbackPeer> server;  // which does not shake hands
  const auto listener = *Listener::Tcp(loop, *BindEndpoint("127.0.0.1", 0));
  listener->Start(
      [&](int fd) { server = std::make_unique<LoopbackPeer>(MakePlainSocket(loop, fd)); });
  testing::TestCertificates certificates;
  std::optional<absl::Status> result;
  const auto attempt = RequestUpgrade(
      loop, resolver,
      {.server = {"127.0.0.1", listener->port()},
       .tls = *TlsContext::Client({.files = certificates.Agent("paris"), .alpn = {"http/1.1"}}),
       .server_name = "localhost",
       .head = "GET / HTTP/1.1\r\n\r\n"},
      std::chrono::milliseconds(50), [&](const auto& answer) { result = answer.status(); });
  // The handshake has a deadline of its own, and ends at about the same time.
  RunUntil(loop, [&] { return result.has_value() && server != nullptr && server->ended(); });
  EXPECT_THAT(*result, StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST(UpgradeDialTest, AServerThatHasMovedIsFoundAtOnce) {
  EventLoop loop;
  TestDnsServer dns(loop);
  Resolver resolver(loop, {.files = {}, .servers = {dns.endpoint()}});
  const auto listener = *Listener::Tcp(loop, *BindEndpoint("127.0.0.1", 0));
  std::unique_ptr<LoopbackPeer> server;
  listener->Start([&](int fd) {
    server = std::make_unique<LoopbackPeer>(MakePlainSocket(loop, fd));
    server->Send("HTTP/1.1 200 OK\r\n\r\n");
  });
  const auto request = [&] {
    std::optional<absl::Status> result;
    const auto attempt = RequestUpgrade(loop, resolver,
                                        {.server = {"proxy.test", listener->port()},
                                         .tls = nullptr,
                                         .server_name = "",
                                         .head = "GET / HTTP/1.1\r\n\r\n"},
                                        std::chrono::seconds(20),
                                        [&](const auto& answer) { result = answer.status(); });
    RunUntil(loop, [&] { return result.has_value(); });
    return *result;
  };
  dns.Add("proxy.test", "127.0.0.2");  // where nobody listens
  EXPECT_THAT(request(), StatusIs(absl::StatusCode::kUnavailable));
  dns.Remove("proxy.test");
  dns.Add("proxy.test", "127.0.0.1");
  EXPECT_THAT(request(), testing::IsOk());
}

}  // namespace
}  // namespace hawser::net
