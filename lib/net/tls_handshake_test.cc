#include "lib/net/tls_handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "lib/base/read_file.h"
#include "lib/net/tls_pair.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::net {
namespace {

using hawser::testing::IsOk;
using hawser::testing::LoopbackPeer;
using hawser::testing::RunUntil;
using hawser::testing::StatusIs;
using hawser::testing::TcpPair;
using hawser::testing::TestCertificates;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class TlsHandshakeTest : public ::testing::Test {
 protected:
  static std::shared_ptr<TlsContext> Server(const TlsOptions& options) {
    auto context = TlsContext::Server(options);
    EXPECT_THAT(context, IsOk());
    return *context;
  }
  static std::shared_ptr<TlsContext> Client(const TlsOptions& options) {
    auto context = TlsContext::Client(options);
    EXPECT_THAT(context, IsOk());
    return *context;
  }

  // The error that the client meets when it goes on after its own part of the handshake.
  absl::Status FirstReadError(std::unique_ptr<Socket> client) {
    LoopbackPeer peer(std::move(client));
    RunUntil(loop_, [&] { return peer.ended(); });
    return peer.error();
  }

  // Accepts a connection whose client sends `bytes`; how the handshake ends.
  absl::Status AcceptAfter(const std::string& bytes, base::Duration deadline, bool close) {
    const auto [client, server] = TcpPair();
    EXPECT_EQ(::send(client, bytes.data(), bytes.size(), 0), bytes.size());
    if (close) ::shutdown(client, SHUT_WR);
    std::optional<absl::Status> status;
    TlsAccept(loop_, server, server_, deadline, [&](auto socket) { status = socket.status(); });
    EXPECT_FALSE(status.has_value());  // never from within the call
    RunUntil(loop_, [&] { return status.has_value(); });
    ::close(client);
    return *status;
  }

  TestCertificates certificates_;
  EventLoop loop_;
  std::shared_ptr<TlsContext> server_ = Server({.files = certificates_.HubAgentPort()});
  std::shared_ptr<TlsContext> client_ = Client({.files = certificates_.Agent("paris")});
};

TEST_F(TlsHandshakeTest, TellsEachSideWhoTheOtherIs) {
  const TlsPair pair = MakeTlsPair(loop_, client_, server_);
  ASSERT_THAT(pair.client, IsOk());
  ASSERT_THAT(pair.server, IsOk());
  for (const Socket* socket : {pair.client->get(), pair.server->get()}) {
    EXPECT_THAT(socket->peer().address, StartsWith("127.0.0.1:"));
    EXPECT_NE(socket->peer().certificate, nullptr);
    EXPECT_EQ(socket->peer().alpn, "h2");
    EXPECT_FALSE(socket->peer().resumed);
    EXPECT_FALSE(socket->peer().uid.has_value());
  }
}

TEST_F(TlsHandshakeTest, AsksNobodyForACertificateWhenToldSo) {
  TlsFiles files = certificates_.HubAgentPort();
  files.ca = "";
  const auto open = Server({.files = files, .client_certificates = false});
  TlsFiles nameless = certificates_.Agent("paris");
  nameless.certificate = nameless.key = "";
  for (const auto& client : {Client({.files = nameless}), client_}) {
    const TlsPair pair = MakeTlsPair(loop_, client, open);
    ASSERT_THAT(pair.client, IsOk());
    ASSERT_THAT(pair.server, IsOk());
    EXPECT_NE((*pair.client)->peer().certificate, nullptr);
    EXPECT_EQ((*pair.server)->peer().certificate, nullptr);
  }
}

TEST_F(TlsHandshakeTest, ChecksTheServersName) {
  for (const char* name : {"localhost", "localhost.", "127.0.0.1", "::1"})
    EXPECT_THAT(MakeTlsPair(loop_, client_, server_, name).client, IsOk()) << name;
  EXPECT_THAT(MakeTlsPair(loop_, client_, server_, "hub.example").client,
              StatusIs(absl::StatusCode::kUnauthenticated,
                       AllOf(StartsWith("tls handshake with 127.0.0.1:"),
                             HasSubstr("certificate verify failed (hostname mismatch)"))));
  EXPECT_THAT(MakeTlsPair(loop_, client_, server_, "127.0.0.2").client,
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("IP address mismatch")));
}

TEST_F(TlsHandshakeTest, TellsTheServerWhyAClientLeft) {
  EXPECT_THAT(MakeTlsPair(loop_, client_, server_, "hub.example").server,
              StatusIs(absl::StatusCode::kUnauthenticated,
                       HasSubstr("refused by the peer: bad certificate")));
}

TEST_F(TlsHandshakeTest, RefusesAnExpiredCertificate) {
  TlsPair pair =
      MakeTlsPair(loop_, Client({.files = certificates_.ExpiredAgent("paris")}), server_);
  EXPECT_THAT(pair.server, StatusIs(absl::StatusCode::kUnauthenticated,
                                    HasSubstr("verify failed (certificate has expired)")));
  ASSERT_THAT(pair.client, IsOk());  // in TLS 1.3 the client is done before the server judges
  EXPECT_THAT(FirstReadError(*std::move(pair.client)),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       HasSubstr("refused by the peer: certificate expired")));
}

// They stay in memory, parsed, as long as the connection; strangers show some, too.
TEST_F(TlsHandshakeTest, TakesFewCertificates) {
  const auto verdict = [&](int more) {
    TlsFiles files = certificates_.Agent("paris");
    std::string chain = *base::ReadFile(files.certificate, 1 << 20);
    for (int i = 0; i < more; ++i) chain += certificates_.agents().certificate().ToPem();
    files.certificate += ".chain";
    std::ofstream(files.certificate) << chain;
    return MakeTlsPair(loop_, Client({.files = files}), server_).server.status();
  };
  EXPECT_THAT(verdict(7), IsOk());
  EXPECT_THAT(verdict(8), StatusIs(absl::StatusCode::kUnauthenticated,
                                   HasSubstr("certificate chain too long")));
  EXPECT_THAT(verdict(100), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("excessive")));
}

TEST_F(TlsHandshakeTest, RefusesCertificatesOfAnotherCa) {
  TlsPair foreign =
      MakeTlsPair(loop_, Client({.files = certificates_.ForeignAgent("paris")}), server_);
  EXPECT_THAT(foreign.server, StatusIs(absl::StatusCode::kUnauthenticated,
                                       HasSubstr("unable to get local issuer certificate")));
  EXPECT_THAT(FirstReadError(*std::move(foreign.client)),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("unknown ca")));
  // A hub client's certificate is none for the agents' port.
  EXPECT_THAT(MakeTlsPair(loop_, Client({.files = certificates_.Client("ci")}), server_).server,
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(TlsHandshakeTest, RefusesAServerOfAnotherCa) {
  TlsFiles files = certificates_.Agent("paris");
  files.ca = certificates_.HubAgentPort().ca;  // the agents' CA instead of the servers'
  EXPECT_THAT(MakeTlsPair(loop_, Client({.files = files}), server_).client,
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("certificate verify failed")));
}

TEST_F(TlsHandshakeTest, RefusesAClientWithoutCertificate) {
  TlsPair pair =
      MakeTlsPair(loop_, Client({.files = {.ca = certificates_.Agent("paris").ca}}), server_);
  EXPECT_THAT(pair.server, StatusIs(absl::StatusCode::kUnauthenticated,
                                    HasSubstr("peer did not return a certificate")));
  EXPECT_THAT(FirstReadError(*std::move(pair.client)),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("certificate required")));
}

TEST_F(TlsHandshakeTest, RefusesAServerThatUsesAClientsCertificate) {
  TlsFiles files = certificates_.Agent("paris");
  files.ca = certificates_.HubAgentPort().ca;
  const auto impostor = Server({.files = files});
  EXPECT_THAT(MakeTlsPair(loop_, client_, impostor).client,
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(TlsHandshakeTest, AgreesOnTheServersFavouriteProtocol) {
  const TlsFiles files = certificates_.HubAgentPort();
  const auto server = Server({.files = files, .alpn = {"h2", "http/1.1"}});
  const auto client = Client({.files = certificates_.Agent("paris"), .alpn = {"http/1.1", "h2"}});
  EXPECT_EQ((*MakeTlsPair(loop_, client, server).client)->peer().alpn, "h2");
}

TEST_F(TlsHandshakeTest, RefusesPeersWithoutCommonProtocol) {
  const auto other = Client({.files = certificates_.Agent("paris"), .alpn = {"http/1.1"}});
  EXPECT_THAT(MakeTlsPair(loop_, other, server_).client,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no application protocol")));
}

TEST_F(TlsHandshakeTest, ProtocolIsOptionalOnlyWhereAskedFor) {
  const auto silent =
      Client({.files = certificates_.Agent("paris"), .alpn = {}, .require_alpn = false});
  EXPECT_THAT(MakeTlsPair(loop_, silent, server_).client,
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("refused by the peer: no application protocol")));
  const auto lenient = Server({.files = certificates_.HubAgentPort(), .require_alpn = false});
  const TlsPair pair = MakeTlsPair(loop_, silent, lenient);
  ASSERT_THAT(pair.server, IsOk());
  EXPECT_THAT((*pair.server)->peer().alpn, IsEmpty());
}

TEST_F(TlsHandshakeTest, RefusesOldVersions) {
  const auto strict =
      Server({.files = certificates_.HubAgentPort(), .min_version = TLS1_3_VERSION});
  SSL_CTX_set_max_proto_version(client_->get(), TLS1_2_VERSION);
  EXPECT_THAT(MakeTlsPair(loop_, client_, strict).client,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("protocol version")));
}

TEST_F(TlsHandshakeTest, RestrictsTheKeyExchange) {
  for (const char* group : {"X25519", "P-256", "P-384"}) {
    const auto client = Client({.files = certificates_.Agent("paris")});
    SSL_CTX_set1_groups_list(client->get(), group);
    EXPECT_THAT(MakeTlsPair(loop_, client, server_).server, IsOk()) << group;
  }
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const char* group : {"P-521", "X448", "ffdhe2048", "ffdhe8192"}) {
      const auto client = Client({.files = certificates_.Agent("paris")});
      const auto server = Server({.files = certificates_.HubAgentPort()});
      for (const auto& other : {client, server}) {
        SSL_CTX_set1_groups_list(other->get(), group);
        SSL_CTX_set_max_proto_version(other->get(), version);
      }
      EXPECT_FALSE(MakeTlsPair(loop_, client, server_).server.ok()) << group;
      EXPECT_FALSE(MakeTlsPair(loop_, client_, server).client.ok()) << group;
    }
  }
}

TEST_F(TlsHandshakeTest, GarbageFailsWithItsReason) {
  EXPECT_THAT(AcceptAfter("GET / HTTP/1.1\r\n\r\n", 10s, false),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(": http request")));
  EXPECT_THAT(AcceptAfter(std::string(4096, '\xff'), 10s, false),
              StatusIs(absl::StatusCode::kUnavailable, StartsWith("tls handshake with 127.0.0.1")));
  EXPECT_THAT(MakeTlsPair(loop_, client_, server_).server, IsOk());  // nobody else notices
}

TEST_F(TlsHandshakeTest, AFirstMessageThatClaimsTooMuchFailsAtOnce) {
  const std::string hello("\x16\x03\x01\x00\x04\x01\x01\xff\x00", 9);
  EXPECT_THAT(AcceptAfter(hello, 20s, /*close=*/false),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("its first message is too long")));
}

TEST_F(TlsHandshakeTest, PeerThatLeavesFailsAtOnce) {
  EXPECT_THAT(AcceptAfter("", 10s, true),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("closed by the peer")));
}

TEST_F(TlsHandshakeTest, SilentPeerMeetsTheDeadlineAndHoldsNobodyUp) {
  const auto [client, server] = TcpPair();
  const std::string half_hello("\x16\x03\x01\x02\x00\x01\x00", 7);
  ASSERT_EQ(::send(client, half_hello.data(), half_hello.size(), 0), half_hello.size());
  std::optional<absl::Status> status;
  TlsAccept(loop_, server, server_, 300ms, [&](auto socket) { status = socket.status(); });
  EXPECT_THAT(MakeTlsPair(loop_, client_, server_).server, IsOk());
  EXPECT_FALSE(status.has_value());
  RunUntil(loop_, [&] { return status.has_value(); });
  EXPECT_THAT(*status, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("timed out")));
  char byte;
  EXPECT_EQ(::recv(client, &byte, 1, 0), 0);  // and was hung up on
  ::close(client);
}

TEST_F(TlsHandshakeTest, NothingBeginsBeforeTheFirstByte) {
  const auto [client, server] = TcpPair();
  std::optional<absl::Status> status;
  const auto handshake =
      TlsAccept(loop_, server, server_, 10s, [&](auto socket) { status = socket.status(); });
  loop_.io().poll();
  EXPECT_FALSE(handshake->begun());
  ASSERT_EQ(::send(client, "\x16", 1, 0), 1);
  RunUntil(loop_, [&] { return handshake->begun(); });
  EXPECT_FALSE(status.has_value());
  ::close(client);
  RunUntil(loop_, [&] { return status.has_value(); });
}

TEST_F(TlsHandshakeTest, CanBeCanceled) {
  for (const std::string sent : {"", "\x16"}) {
    const auto [client, server] = TcpPair();
    std::optional<absl::Status> status;
    const auto handshake =
        TlsAccept(loop_, server, server_, 10s, [&](auto socket) { status = socket.status(); });
    ASSERT_EQ(::send(client, sent.data(), sent.size(), 0), sent.size());
    loop_.io().poll();
    handshake->Cancel(absl::ResourceExhaustedError("others came"));
    EXPECT_THAT(status, ::testing::Optional(StatusIs(absl::StatusCode::kResourceExhausted)));
    status.reset();
    handshake->Cancel(absl::InternalError("again"));
    loop_.io().poll();
    EXPECT_FALSE(status.has_value()) << "once";
    ::close(client);
  }
}

TEST_F(TlsHandshakeTest, LoopThatEndsDropsHandshakes) {
  const auto [client, server] = TcpPair();
  {
    EventLoop loop;
    TlsAccept(loop, server, server_, 10s, [](auto) { ADD_FAILURE(); });
    while (loop.io().poll_one() != 0) {
    }
  }
  char byte;
  EXPECT_EQ(::recv(client, &byte, 1, 0), 0);
  ::close(client);
}

class TlsResumptionTest : public TlsHandshakeTest, public ::testing::WithParamInterface<int> {
 protected:
  TlsResumptionTest() { SSL_CTX_set_max_proto_version(client_->get(), GetParam()); }

  PeerInfo ServersPeer(std::shared_ptr<TlsContext> server, const std::string& name = "localhost") {
    return MeetServer(loop_, client_, std::move(server), name);
  }
};

TEST_P(TlsResumptionTest, KeepsTheCertificateOfTheFirstConnection) {
  EXPECT_FALSE(ServersPeer(server_).resumed);
  for (int i = 0; i < 3; ++i) {
    const PeerInfo info = ServersPeer(server_);
    EXPECT_TRUE(info.resumed);
    EXPECT_NE(info.certificate, nullptr);
    EXPECT_EQ(info.alpn, "h2");
  }
}

TEST_P(TlsResumptionTest, IsPerServerName) {
  ServersPeer(server_);
  EXPECT_FALSE(ServersPeer(server_, "127.0.0.1").resumed);
}

TEST_P(TlsResumptionTest, EndsWithTheServersContext) {
  const TlsFiles files = certificates_.HubAgentPort();
  ServersPeer(server_);
  EXPECT_FALSE(ServersPeer(Server({.files = files, .session_context = "grpc"})).resumed);
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsResumptionTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

}  // namespace
}  // namespace hawser::net
