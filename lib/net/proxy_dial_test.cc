#include "lib/net/proxy_dial.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "lib/net/listener.h"
#include "lib/net/socket.h"
#include "lib/net/socket_address.h"
#include "lib/net/test_proxy.h"
#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::net {
namespace {

using ::hawser::testing::LoopbackPeer;
using ::hawser::testing::RunUntil;
using ::hawser::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const base::HostPort kServer{"hub.example", 8091};

class ProxyDialTest : public ::testing::Test {
 protected:
  ProxyDialTest() {
    listener_ = *Listener::Tcp(loop_, *BindEndpoint("127.0.0.1", 0));
    listener_->Start(
        [this](int fd) { server_ = std::make_unique<LoopbackPeer>(MakePlainSocket(loop_, fd)); });
  }

  // The connection, or why there is none.
  absl::StatusOr<std::unique_ptr<LoopbackPeer>> Dial(const std::string& url,
                                                     base::Duration deadline = seconds(30)) {
    std::optional<absl::StatusOr<int>> result;
    attempt_ = ConnectThroughProxy(loop_, resolver_, *ParseProxyUrl(url), tls_, kServer, deadline,
                                   [&](absl::StatusOr<int> fd) { result = std::move(fd); });
    RunUntil(loop_, [&] { return result.has_value(); });
    if (!result->ok()) return result->status();
    return std::make_unique<LoopbackPeer>(MakePlainSocket(loop_, **result));
  }
  static std::string Url(const TestProxy& proxy, const std::string& before = "http://") {
    return before + "localhost:" + std::to_string(proxy.port());
  }
  // Why there is no connection through a proxy that answers so.
  absl::Status Failure(const std::string& answer) {
    TestProxy proxy(loop_, {.answer = answer});
    return Dial(Url(proxy, "http://alice:s3cret@")).status();
  }
  void ExpectConnected(LoopbackPeer& client) {
    client.Send("question");
    RunUntil(loop_, [&] { return server_ != nullptr && server_->received() == "question"; });
    server_->Send(std::string(1 << 20, 'x'));
    server_->Finish();
    RunUntil(loop_, [&] { return client.ended(); });
    EXPECT_EQ(client.received().size(), 1u << 20);
  }

  EventLoop loop_;
  Resolver resolver_{loop_};
  std::shared_ptr<TlsContext> tls_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<LoopbackPeer> server_;
  std::unique_ptr<ConnectAttempt> attempt_;
};

TEST_F(ProxyDialTest, LeadsToTheServer) {
  TestProxy proxy(loop_, {.target_port = listener_->port()});
  const auto client = Dial(Url(proxy));
  ASSERT_TRUE(client.ok()) << client.status();
  attempt_.reset();  // not needed any more
  ExpectConnected(**client);
  ASSERT_EQ(proxy.requests().size(), 1u);
  EXPECT_EQ(proxy.requests().front().target, "hub.example:8091");
  EXPECT_EQ(proxy.requests().front().authorization, "");
}

TEST_F(ProxyDialTest, BringsCredentials) {
  TestProxy proxy(loop_,
                  {.target_port = listener_->port(), .authorization = "Basic YWxpY2U6czNjcmV0"});
  EXPECT_TRUE(Dial(Url(proxy, "http://alice:s3cret@")).ok());
  EXPECT_THAT(Dial(Url(proxy, "http://alice:n0tit@")).status(),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       AllOf(HasSubstr("for hub.example:8091: answered 407 "
                                       "\"Proxy Authentication Required\""),
                             Not(HasSubstr("n0tit")), Not(HasSubstr("YWxpY2U6")))));
}

TEST_F(ProxyDialTest, SpeaksTlsWithTheProxy) {
  testing::TestCertificates certificates;
  TestProxy proxy(loop_, {.target_port = listener_->port(), .tls = certificates.HubFrontEnd()});
  tls_ = *ProxyTls(certificates.Agent("paris").ca);
  const auto client = Dial(Url(proxy, "https://"));
  ASSERT_TRUE(client.ok()) << client.status();
  ExpectConnected(**client);

  tls_ = *ProxyTls(certificates.HubFrontEnd().ca);  // another CA
  EXPECT_THAT(Dial(Url(proxy, "https://")).status(),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("certificate verify failed")));
  tls_ = *ProxyTls("");  // the system's, which know nothing of it
  EXPECT_THAT(Dial(Url(proxy, "https://")).status(),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("certificate verify failed")));
}

TEST_F(ProxyDialTest, TellsWhyThereIsNoConnection) {
  EXPECT_THAT(Failure("HTTP/1.1 503 Out of \x1b[5m order\r\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a control character")));
  EXPECT_THAT(Failure("HTTP/1.1 503 Not \xc3\xa4 now\r\n\r\n"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("answered 503 \"Not \\")));
  EXPECT_THAT(Failure("HTTP/1.1 200 OK\r\n\r\nhello"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ahead of the server's")));
  EXPECT_THAT(Failure("SSH-2.0-OpenSSH\r\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("it begins with \"SSH-2.0-OpenSSH\"")));
  EXPECT_THAT(Failure("HTTP/1.1 200 OK\r\n" + std::string(16 * 1024, 'x')),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("16384 bytes")));
  TestProxy broken(loop_, {.target_port = 0});
  EXPECT_THAT(Dial(Url(broken)).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("answered 502 \"Bad Gateway\"")));
  EXPECT_THAT(Dial("http://proxy.invalid:1").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("proxy proxy.invalid:1 for hub.")));
}

TEST_F(ProxyDialTest, HasADeadline) {
  TestProxy silent(loop_, {.answer = "HTTP/1.1 200 "});
  EXPECT_THAT(Dial(Url(silent), milliseconds(50)).status(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("no answer in time")));
}

TEST_F(ProxyDialTest, EndsSilentlyWhenDestroyed) {
  TestProxy silent(loop_, {.answer = "HTTP/1.1 200 "});
  attempt_ = ConnectThroughProxy(loop_, resolver_, *ParseProxyUrl(Url(silent)), nullptr, kServer,
                                 seconds(30), [](auto) { FAIL() << "called back"; });
  RunUntil(loop_, [&] { return !silent.requests().empty(); });
  attempt_.reset();
  testing::RunReady(loop_);
}

}  // namespace
}  // namespace hawser::net
