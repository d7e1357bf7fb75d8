#include "hub/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "lib/testing/log_capture.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::LogCapture;
using testing::StatusIs;
using testing::TestCertificates;

DenyList Denied(const std::string& key, const std::string& value) {
  DenyList list;
  EXPECT_THAT(list.Add(key, value), IsOk());
  return list;
}

class CredentialsTest : public ::testing::Test {
 protected:
  static net::PeerInfo Peer(const net::TlsFiles& files) {
    const auto certificate = pki::Certificate::Load(files.certificate);
    EXPECT_THAT(certificate, IsOk());
    X509_up_ref(certificate->get());
    return {.address = "10.0.0.7:1234", .certificate = {certificate->get(), X509_free}};
  }
  // A connection on the agents' port that notes in `ended_` how it is ended.
  Credentials::Ticket Connected(const net::PeerInfo& peer) {
    auto ticket = credentials_.Admit(Port::kAgents, "cluster paris", peer);
    EXPECT_THAT(ticket, IsOk());
    ticket->OnEnd([this](Credentials::Ending how, const absl::Status& why) {
      ended_.push_back((how == Credentials::Ending::kNow ? "now: " : "soon: ") +
                       std::string(why.message()));
    });
    return *std::move(ticket);
  }
  std::shared_ptr<const net::TlsContext> Trusting(const net::TlsFiles& port) {
    auto context = net::TlsContext::Server({.files = port});
    EXPECT_THAT(context, IsOk());
    return *context;
  }

  TestCertificates certificates_;
  Credentials credentials_{DenyList()};
  std::vector<std::string> ended_;
  LogCapture log_;
};

TEST_F(CredentialsTest, ADeniedPeerIsNotAdmitted) {
  credentials_.SetDenied(Denied("cluster", "paris"));
  EXPECT_THAT(
      credentials_.Admit(Port::kAgents, "cluster paris", Peer(certificates_.Agent("paris")))
          .status(),
      StatusIs(StatusCode::kPermissionDenied, AllOf(HasSubstr("sha256"), HasSubstr("serial"),
                                                    HasSubstr("is denied by cluster paris"))));
  EXPECT_THAT(credentials_.Admit(Port::kAgents, "cluster rome", Peer(certificates_.Agent("rome"))),
              IsOk());
  EXPECT_THAT(credentials_.Admit(Port::kGrpc, "unix:0", net::PeerInfo()), IsOk());
  EXPECT_EQ(credentials_.counts()[Credentials::kDenied], 1);
}

TEST_F(CredentialsTest, DenyingEndsWhatIsOpenAndSaysSoOnce) {
  const auto paris = Connected(Peer(certificates_.Agent("paris")));
  const auto rome = Connected(Peer(certificates_.Agent("rome")));
  { const auto gone = Connected(Peer(certificates_.Agent("paris"))); }
  credentials_.SetDenied(Denied("cluster", "paris"));
  credentials_.SetDenied(Denied("cluster", "paris"));
  EXPECT_THAT(ended_, ElementsAre("now: the certificate is denied by cluster paris"));
  EXPECT_THAT(log_.text(), HasSubstr("agents: connection of cluster paris from 10.0.0.7:1234 "
                                     "ended: its certificate (serial "));
  EXPECT_EQ(credentials_.counts()[Credentials::kDenied], 1);
}

TEST_F(CredentialsTest, WhoeverMovesMeanwhileIsEndedWhereItArrives) {
  auto paris = Connected(Peer(certificates_.Agent("paris")));
  paris.OnEnd(nullptr);
  credentials_.SetDenied(Denied("cluster", "paris"));
  bool ended = false;
  paris.OnEnd([&](Credentials::Ending, const absl::Status&) { ended = true; });
  EXPECT_TRUE(ended);
}

TEST_F(CredentialsTest, ExpiryIsSaidBeforehandAndEnds) {
  const net::PeerInfo peer = Peer(certificates_.Agent("paris", seconds(3600)));
  const pki::WallTime expiry = pki::NotAfter(peer.certificate.get());
  const auto paris = Connected(peer);
  credentials_.Sweep(expiry - Credentials::kNotice - seconds(1));
  EXPECT_THAT(ended_, IsEmpty());
  credentials_.Sweep(expiry - Credentials::kNotice);
  credentials_.Sweep(expiry - seconds(1));
  EXPECT_THAT(ended_, ElementsAre("soon: the certificate is about to expire"));
  credentials_.Sweep(expiry);
  credentials_.Sweep(expiry + seconds(1));
  EXPECT_THAT(ended_, ElementsAre("soon: the certificate is about to expire",
                                  "now: the certificate has expired"));
  EXPECT_EQ(credentials_.counts()[Credentials::kExpired], 1);
}

TEST_F(CredentialsTest, WhoComesWithAnOldCertificateGetsNoNotice) {
  const net::PeerInfo peer = Peer(certificates_.Agent("paris", Credentials::kNotice - seconds(5)));
  const auto paris = Connected(peer);
  const pki::WallTime expiry = pki::NotAfter(peer.certificate.get());
  credentials_.Sweep(expiry - seconds(1));
  EXPECT_THAT(ended_, IsEmpty()) << "it would only come again";
  credentials_.Sweep(expiry);
  EXPECT_THAT(ended_, ElementsAre("now: the certificate has expired"));
}

TEST_F(CredentialsTest, WhatIsNoLongerTrustedEnds) {
  const net::PeerInfo peer = Peer(certificates_.Agent("paris"));
  const auto paris = Connected(peer);
  const auto trusting = Trusting(certificates_.HubAgentPort());
  const auto not_trusting = Trusting(certificates_.HubFrontEnd());
  credentials_.Verify(Port::kAgents, trusting);
  credentials_.Verify(Port::kGrpc, not_trusting);
  EXPECT_THAT(ended_, IsEmpty());
  EXPECT_THAT(credentials_.Admit(Port::kAgents, "cluster paris", peer), IsOk());
  credentials_.Verify(Port::kAgents, not_trusting);
  EXPECT_THAT(ended_, ElementsAre(AllOf(HasSubstr("now: the certificate is no longer trusted"),
                                        HasSubstr("unable to get local issuer certificate"))));
  EXPECT_THAT(credentials_.Admit(Port::kAgents, "cluster paris", peer).status(),
              StatusIs(StatusCode::kUnauthenticated, HasSubstr("certificate verify failed")))
      << "its handshake may have begun before";
}

// What of a chain a resumed session had is not known any more.
TEST_F(CredentialsTest, WhomTheSameAuthoritiesLetInStays) {
  const auto context = Trusting(certificates_.HubFrontEnd());
  net::PeerInfo peer = Peer(certificates_.Agent("paris"));
  peer.authorities = context->authorities();
  const auto paris = Connected(peer);
  credentials_.Verify(Port::kAgents, context);
  EXPECT_THAT(ended_, IsEmpty());
  EXPECT_THAT(credentials_.Admit(Port::kAgents, "cluster paris", peer), IsOk());
}

// As in a handshake, whatever is in a CA file ends a chain.
TEST_F(CredentialsTest, WhatACaFileHoldsIsTrustedWithoutItsIssuer) {
  net::TlsFiles port = certificates_.HubAgentPort();
  const net::TlsFiles files = certificates_.Agent("paris");
  const auto paris = Connected(Peer(files)), rome = Connected(Peer(certificates_.Agent("rome")));
  port.ca = files.certificate;
  credentials_.Verify(Port::kAgents, Trusting(port));
  EXPECT_EQ(ended_.size(), 1) << "rome's, whose authority is not in it";
}

}  // namespace
}  // namespace hawser::hub
