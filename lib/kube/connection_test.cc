// TLS between client and server.
#include "lib/kube/connection.h"

#include <gtest/gtest.h>

#include "lib/kube/fake_api_server.h"
#include "lib/pki/authority.h"
#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using Code = absl::StatusCode;

struct Leaf {
  std::string certificate_pem;
  std::string key_pem;
};

Leaf Issue(const pki::Authority& authority, const pki::LeafSpec& spec) {
  const auto key = pki::PrivateKey::Generate();
  return {authority.Issue(spec, key->get())->ToPem(), key->ToPem()};
}

pki::Authority MakeAuthority(const std::string& name) {
  return *pki::Authority::Create(name, std::chrono::hours(1));
}

class ConnectionTest : public ::testing::Test {
 protected:
  void Serve(pki::LeafSpec spec, bool client_certificates = false,
             const std::string& groups = "X25519") {
    spec.server = true;
    const Leaf leaf = Issue(servers_, spec);
    server_.emplace(FakeApiServer::Tls{
        leaf.certificate_pem, leaf.key_pem,
        client_certificates ? clients_.certificate().ToPem() : std::string(), groups});
    config_ = server_->config();
    config_.authorities = std::make_shared<TextSource>(servers_.certificate().ToPem());
  }

  absl::Status Connect(const Credential& credential = {}) {
    const auto connection = Connection::Create(config_, credential);
    if (!connection.ok()) return connection.status();
    const HttpRequest request{.method = "GET",
                              .target = "/api/v1/configmaps",
                              .deadline = base::Clock::now() + std::chrono::seconds(30)};
    return (*connection)
        ->Exchange(request, [](const HttpHead&, const std::string&) { return absl::OkStatus(); })
        .status();
  }

  const pki::Authority servers_ = MakeAuthority("servers");
  const pki::Authority clients_ = MakeAuthority("clients");
  std::optional<FakeApiServer> server_;
  Config config_;
};

TEST_F(ConnectionTest, ChecksTheServersAddress) {
  Serve({.common_name = "kube-apiserver", .ip_addresses = {"127.0.0.1"}});
  EXPECT_THAT(Connect(), IsOk());
}

TEST_F(ConnectionTest, ChecksTheNameThatTheConfigurationGives) {
  Serve({.common_name = "127.0.0.1", .dns_names = {"kubernetes.default.svc"}});
  EXPECT_THAT(Connect(), StatusIs(Code::kUnavailable, HasSubstr("IP address mismatch")));
  config_.server_name = "kubernetes.default.svc";
  EXPECT_THAT(Connect(), IsOk());
  config_.server_name = "another.default.svc";
  EXPECT_THAT(Connect(), StatusIs(Code::kUnavailable, HasSubstr("hostname mismatch")));
}

TEST_F(ConnectionTest, TakesNoOtherAuthority) {
  Serve({.common_name = "x", .ip_addresses = {"127.0.0.1"}});
  config_.authorities = std::make_shared<TextSource>(clients_.certificate().ToPem());
  EXPECT_THAT(Connect(), StatusIs(Code::kUnavailable,
                                  HasSubstr("the server's certificate is not accepted: ")));
  config_.authorities = nullptr;  // the system's
  EXPECT_THAT(Connect(), StatusIs(Code::kUnavailable, HasSubstr("not accepted")));
  // Of several, one will do.
  config_.authorities =
      std::make_shared<TextSource>(clients_.certificate().ToPem() + servers_.certificate().ToPem());
  EXPECT_THAT(Connect(), IsOk());
}

TEST_F(ConnectionTest, RestrictsTheKeyExchange) {
  for (const char* group : {"X25519", "P-256", "P-384"}) {
    Serve({.common_name = "x", .ip_addresses = {"127.0.0.1"}}, false, group);
    EXPECT_THAT(Connect(), IsOk()) << group;
  }
  for (const char* group : {"P-521", "X448", "ffdhe2048", "ffdhe8192"}) {
    Serve({.common_name = "x", .ip_addresses = {"127.0.0.1"}}, false, group);
    EXPECT_THAT(Connect(), StatusIs(Code::kUnavailable, HasSubstr("TLS handshake"))) << group;
  }
}

TEST_F(ConnectionTest, TakesNoExpiredCertificate) {
  const auto now = std::chrono::system_clock::now();
  Serve({.common_name = "x",
         .ip_addresses = {"127.0.0.1"},
         .validity = std::chrono::hours(1),
         .not_before = now - std::chrono::hours(2)});
  EXPECT_THAT(Connect(), StatusIs(Code::kUnavailable, HasSubstr("certificate has expired")));
}

TEST_F(ConnectionTest, PresentsItsCertificate) {
  Serve({.common_name = "x", .ip_addresses = {"127.0.0.1"}}, /*client_certificates=*/true);
  const Leaf ours = Issue(clients_, {.common_name = "us", .client = true});
  const Leaf foreign = Issue(servers_, {.common_name = "us", .client = true});
  EXPECT_THAT(Connect({.certificate_pem = ours.certificate_pem, .key_pem = ours.key_pem}), IsOk());
  EXPECT_THAT(Connect(), StatusIs(Code::kUnavailable));
  EXPECT_THAT(Connect({.certificate_pem = foreign.certificate_pem, .key_pem = foreign.key_pem}),
              StatusIs(Code::kUnavailable));
}

TEST_F(ConnectionTest, SaysWhatIsWrongWithFiles) {
  Serve({.common_name = "x", .ip_addresses = {"127.0.0.1"}});
  const Leaf one = Issue(clients_, {.common_name = "one", .client = true});
  const Leaf two = Issue(clients_, {.common_name = "two", .client = true});
  EXPECT_THAT(Connect({.certificate_pem = one.certificate_pem, .key_pem = two.key_pem}),
              StatusIs(Code::kInvalidArgument, "client-key: not the certificate's"));
  EXPECT_THAT(Connect({.certificate_pem = "x", .key_pem = one.key_pem}),
              StatusIs(Code::kInvalidArgument, HasSubstr("client-certificate: ")));
  EXPECT_THAT(Connect({.certificate_pem = one.certificate_pem, .key_pem = "x"}),
              StatusIs(Code::kInvalidArgument, HasSubstr("client-key: ")));
  config_.authorities = std::make_shared<TextSource>("x");
  EXPECT_THAT(Connect(), StatusIs(Code::kInvalidArgument, HasSubstr("certificate-authority: ")));
}

TEST_F(ConnectionTest, SpeaksNoTlsToAPlainServer) {
  FakeApiServer plain;
  config_ = plain.config();
  config_.server.tls = true;
  EXPECT_THAT(Connect(), StatusIs(Code::kUnavailable, HasSubstr("TLS handshake failed")));
}

}  // namespace
}  // namespace hawser::kube
