// Transports over TLS: what the kernel refuses waits as ciphertext in the socket, not here.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "lib/h2/test_call.h"
#include "lib/h2/transport.h"
#include "lib/net/tls_context.h"
#include "lib/net/tls_handshake.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::h2 {
namespace {

using ::hawser::testing::IsOk;
using namespace std::chrono_literals;  // NOLINT: for readable durations

class TransportTlsTest : public ::testing::Test {
 protected:
  TransportTlsTest() {
    auto server_context = net::TlsContext::Server({.files = certificates_.HubAgentPort()});
    auto client_context = net::TlsContext::Client({.files = certificates_.Agent("paris")});
    EXPECT_THAT(server_context, IsOk());
    EXPECT_THAT(client_context, IsOk());
    const auto [server_fd, client_fd] = SocketPair();
    net::TlsAccept(*loop_, server_fd, *server_context, 10s, [this](auto socket) {
      ASSERT_THAT(socket, IsOk());
      server_ = Transport::Server(
          *std::move(socket), {},
          [this](const std::string&, const net::Metadata&) {
            server_end_->on_open = [this] { server_end_->stream->SendHeaders({}); };
            return server_end_->Handler();
          },
          [](const absl::Status&) {});
    });
    net::TlsConnect(*loop_, client_fd, *client_context, "localhost", 10s, [this](auto socket) {
      ASSERT_THAT(socket, IsOk());
      client_ = Transport::Client(*std::move(socket), {}, [](const absl::Status&) {});
      EXPECT_THAT(client_->OpenStream("/x/Y", "hub", {}, client_end_->Handler()), IsOk());
    });
    EXPECT_TRUE(loop_.Await([&] { return client_end_->response.has_value(); }));
  }

  TestLoop loop_;
  testing::TestCertificates certificates_;
  std::shared_ptr<TestCall> server_end_ = std::make_shared<TestCall>();
  std::shared_ptr<TestCall> client_end_ = std::make_shared<TestCall>();
  std::unique_ptr<Transport> server_;
  std::unique_ptr<Transport> client_;
};

TEST_F(TransportTlsTest, BulkDataArrivesIntactBothWays) {
  constexpr uint64_t kBytes = 32 << 20;
  client_end_->check_pattern = server_end_->check_pattern = true;
  loop_.Do([&] {
    client_end_->SendPattern(kBytes);
    server_end_->SendPattern(kBytes);
  });
  ASSERT_TRUE(loop_.Await([&] {
    return client_end_->pattern_received == kBytes && server_end_->pattern_received == kBytes;
  }));
  EXPECT_FALSE(client_end_->pattern_broken);
  EXPECT_FALSE(server_end_->pattern_broken);
}

TEST_F(TransportTlsTest, AStalledSocketStopsProduction) {
  client_end_->check_pattern = true;
  loop_.Do([&] { server_end_->SendPattern(8 << 20); });
  EXPECT_LT(server_end_->pattern_sent, 2u << 20) << "produced without room";
  ASSERT_TRUE(loop_.Await([&] { return client_end_->pattern_received == 8 << 20; }));
  EXPECT_FALSE(client_end_->pattern_broken);
}

}  // namespace
}  // namespace hawser::h2
