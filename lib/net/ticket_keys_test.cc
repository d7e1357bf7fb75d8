#include "lib/net/ticket_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "lib/net/tls_pair.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::net {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using hawser::testing::TestCertificates;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TicketKeysTest : public ::testing::TestWithParam<int> {
 protected:
  TicketKeysTest() { SSL_CTX_set_max_proto_version(client_->get(), GetParam()); }

  static std::string Key(char fill) { return std::string(TicketKeys::kFileKey, fill); }

  void WriteKeys(const std::string& bytes) {
    std::ofstream(options_.ticket_keys) << bytes;
    ::chmod(options_.ticket_keys.c_str(), 0600);
  }
  // A server that has just started.
  std::shared_ptr<TlsContext> Server() {
    auto context = TlsContext::Server(options_);
    EXPECT_THAT(context, IsOk());
    return *context;
  }
  bool Resumes(std::shared_ptr<TlsContext> server) {
    return MeetServer(loop_, client_, std::move(server)).resumed;
  }

  TestCertificates certificates_;
  EventLoop loop_;
  TlsOptions options_{.files = certificates_.HubAgentPort(),
                      .ticket_keys = certificates_.folder() + "/tickets"};
  std::shared_ptr<TlsContext> client_ =
      *TlsContext::Client({.files = certificates_.Agent("paris")});
};

TEST_P(TicketKeysTest, ServersThatShareThemResumeEachOthersSessions) {
  WriteKeys(Key('a'));
  EXPECT_FALSE(Resumes(Server()));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Resumes(Server()));
}

TEST_P(TicketKeysTest, OlderOnesAreTakenUntilTheyAreGone) {
  WriteKeys(Key('a'));
  Resumes(Server());
  WriteKeys(Key('b') + Key('a'));
  EXPECT_TRUE(Resumes(Server()));
  // From then on it has a ticket of the new key; OpenSSL's clients of TLS 1.2 have none.
  WriteKeys(Key('c') + Key('b'));
  EXPECT_EQ(Resumes(Server()), GetParam() == TLS1_3_VERSION);
  WriteKeys(Key('d'));
  EXPECT_FALSE(Resumes(Server()));
}

TEST_P(TicketKeysTest, AreOfOnePort) {
  WriteKeys(Key('a'));
  Resumes(Server());
  options_.session_context = "another";
  EXPECT_FALSE(Resumes(Server()));
}

TEST_P(TicketKeysTest, EndWithTheCaOfThePeers) {
  WriteKeys(Key('a'));
  Resumes(Server());
  std::ofstream(options_.files.ca, std::ios::app) << certificates_.clients().certificate().ToPem();
  EXPECT_FALSE(Resumes(Server()));
}

TEST_P(TicketKeysTest, WithoutAFileTheyAreTheContextsOwn) {
  options_.ticket_keys.clear();
  const auto server = Server();
  Resumes(server);
  EXPECT_TRUE(Resumes(server));
  server->RotateTicketKeys();
  EXPECT_TRUE(Resumes(server));
  server->RotateTicketKeys();
  server->RotateTicketKeys();
  EXPECT_FALSE(Resumes(server));
  EXPECT_FALSE(Resumes(Server()));
}

TEST_P(TicketKeysTest, AFileThatIsNoneOfKeysIsRefused) {
  for (const std::string& bytes : {std::string(), Key('a').substr(1), Key('a') + "b",
                                   std::string(9 * TicketKeys::kFileKey, 'a')}) {
    WriteKeys(bytes);
    EXPECT_THAT(TlsContext::Server(options_),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(options_.ticket_keys), Not(HasSubstr("aaa")))));
  }
  WriteKeys(Key('a'));
  ::chmod(options_.ticket_keys.c_str(), 0640);
  EXPECT_THAT(TlsContext::Server(options_), StatusIs(absl::StatusCode::kFailedPrecondition));
  std::filesystem::remove(options_.ticket_keys);
  EXPECT_THAT(TlsContext::Server(options_), StatusIs(absl::StatusCode::kNotFound));
}

INSTANTIATE_TEST_SUITE_P(Versions, TicketKeysTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

}  // namespace
}  // namespace hawser::net
