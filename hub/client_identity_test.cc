#include "hub/client_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/pki/certificate.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using testing::StatusIs;

net::PeerInfo Peer(const net::TlsFiles& files) {
  const auto certificate = pki::Certificate::Load(files.certificate);
  EXPECT_TRUE(certificate.ok());
  X509_up_ref(certificate->get());
  return {.certificate = {certificate->get(), X509_free}};
}

TEST(ClientIdentity, IsTheNameInTheCertificateOrTheUserOfTheSocket) {
  testing::TestCertificates certificates;
  EXPECT_EQ(ClientIdentityOf(Peer(certificates.Client("ann")), "")->name, "client/ann");
  EXPECT_EQ(ClientIdentityOf({.uid = 7}, "")->name, "unix:7");
  EXPECT_THAT(ClientIdentityOf(Peer(certificates.Agent("paris")), "").status(),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr("agent of cluster paris")));
}

TEST(ClientIdentity, CertificatesWithoutANameAreToldApart) {
  testing::TestCertificates certificates;
  const auto one = Peer(certificates.AgentWithoutIdentity());
  const auto other = Peer(certificates.AgentWithoutIdentity());
  EXPECT_EQ(ClientIdentityOf(one, "")->name,
            "certificate " + pki::FingerprintText(one.certificate.get()));
  EXPECT_EQ(ClientIdentityOf(one, "")->name, ClientIdentityOf(one, "")->name);
  EXPECT_NE(ClientIdentityOf(one, "")->name, ClientIdentityOf(other, "")->name);
}

}  // namespace
}  // namespace hawser::hub
