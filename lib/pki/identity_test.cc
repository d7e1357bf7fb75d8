#include "lib/pki/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/pki/openssl_ptr.h"
#include "lib/testing/status_matchers.h"

namespace hawser::pki {
namespace {

using hawser::testing::IsOkAndHolds;
using hawser::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::VariantWith;

struct San {
  int type;
  std::string value;
};

// A certificate (not signed) with these alternative names, byte for byte.
X509Ptr CertificateWith(const std::vector<San>& sans) {
  X509Ptr certificate(X509_new());
  GeneralNamesPtr names(GENERAL_NAMES_new());
  for (const San& san : sans) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_STRING* value = ASN1_STRING_type_new(V_ASN1_IA5STRING);
    ASN1_STRING_set(value, san.value.data(), static_cast<int>(san.value.size()));
    GENERAL_NAME_set0_value(name, san.type, value);
    sk_GENERAL_NAME_push(names.get(), name);
  }
  X509_add1_ext_i2d(certificate.get(), NID_subject_alt_name, names.get(), 0, X509V3_ADD_APPEND);
  return certificate;
}

const std::string kParis = "spiffe://hawser.local/cluster/paris";

TEST(ParseIdentity, ReadsClustersAndClients) {
  EXPECT_THAT(
      ParseIdentity(kParis),
      IsOkAndHolds(VariantWith<ClusterIdentity>(ClusterIdentity{"hawser.local", "paris", ""})));
  EXPECT_THAT(ParseIdentity(kParis + "/agent/Node-1_a.b"),
              IsOkAndHolds(VariantWith<ClusterIdentity>(
                  ClusterIdentity{"hawser.local", "paris", "Node-1_a.b"})));
  EXPECT_THAT(ParseIdentity("spiffe://hawser.local/client/ann"),
              IsOkAndHolds(VariantWith<ClientIdentity>(ClientIdentity{"hawser.local", "ann"})));
  // Names are names, whatever they spell.
  EXPECT_THAT(
      ParseIdentity("spiffe://cluster/cluster/cluster/agent/agent"),
      IsOkAndHolds(VariantWith<ClusterIdentity>(ClusterIdentity{"cluster", "cluster", "agent"})));
}

TEST(ParseIdentity, ReadsNamesUpToTheirLimits) {
  const std::string domain(255, 'd'), cluster(63, 'c'), name(128, 'n');
  EXPECT_THAT(ParseIdentity("spiffe://" + domain + "/cluster/" + cluster + "/agent/" + name),
              IsOkAndHolds(VariantWith<ClusterIdentity>(ClusterIdentity{domain, cluster, name})));
  EXPECT_THAT(ParseIdentity("spiffe://" + domain + "d/client/a"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bad trust domain")));
  EXPECT_THAT(ParseIdentity("spiffe://d/cluster/" + cluster + "c"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bad cluster name")));
  EXPECT_THAT(ParseIdentity("spiffe://d/cluster/c/agent/" + name + "n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bad agent id")));
  EXPECT_THAT(ParseIdentity("spiffe://d/client/" + name + "n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bad client name")));
  EXPECT_THAT(ParseIdentity("spiffe://d/client/" + std::string(1 << 20, 'n')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("too long")));
}

struct Malformed {
  std::string uri;
  std::string why;
};

class MalformedIdentity : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedIdentity, IsRefused) {
  const auto refused = StatusIs(
      absl::StatusCode::kInvalidArgument,
      ::testing::AllOf(HasSubstr("identity in the certificate: "), HasSubstr(GetParam().why)));
  EXPECT_THAT(ParseIdentity(GetParam().uri), refused);
  // In a certificate it may be another system's.
  const auto identity = IdentityOf(CertificateWith({{GEN_URI, GetParam().uri}}).get());
  EXPECT_THAT(identity, ::testing::AnyOf(refused, IsOkAndHolds(std::nullopt)));
}

INSTANTIATE_TEST_SUITE_P(
    Scheme, MalformedIdentity,
    ::testing::Values(Malformed{"", "not a spiffe uri"}, Malformed{"spiffe:", "not a spiffe uri"},
                      Malformed{"SPIFFE://d/cluster/paris", "not a spiffe uri"},
                      Malformed{"https://d/cluster/paris", "not a spiffe uri"},
                      Malformed{" spiffe://d/cluster/paris", "not a spiffe uri"},
                      Malformed{"spiffe:/d/cluster/paris", "not a spiffe uri"}));

INSTANTIATE_TEST_SUITE_P(
    TrustDomain, MalformedIdentity,
    ::testing::Values(Malformed{"spiffe://", "bad trust domain"},
                      Malformed{"spiffe:///cluster/paris", "bad trust domain"},
                      Malformed{"spiffe://Hawser.local/cluster/paris", "bad trust domain"},
                      Malformed{"spiffe://d:443/cluster/paris", "bad trust domain"},
                      Malformed{"spiffe://user@d/cluster/paris", "bad trust domain"},
                      Malformed{"spiffe://d%2e/cluster/paris", "bad trust domain"},
                      Malformed{"spiffe://m\u00fcnchen/cluster/paris", "bad trust domain"},
                      Malformed{std::string("spiffe://d\0/cluster/paris", 25),
                                "bad trust domain"}));

INSTANTIATE_TEST_SUITE_P(
    ClusterName, MalformedIdentity,
    ::testing::Values(Malformed{"spiffe://d/cluster/", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/Paris", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/pa_ris", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/paris.tokyo", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/-paris", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/paris-", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/*", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/..", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/%70aris", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/paris?x=1", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/paris#x", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/paris ", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/paris\n", "bad cluster name"},
                      Malformed{"spiffe://d/cluster/par\u0131s", "bad cluster name"},
                      Malformed{std::string("spiffe://d/cluster/paris\0", 25), "bad cluster name"},
                      Malformed{std::string("spiffe://d/cluster/paris\0.tokyo", 31),
                                "bad cluster name"}));

INSTANTIATE_TEST_SUITE_P(
    OtherNames, MalformedIdentity,
    ::testing::Values(Malformed{"spiffe://d/cluster/paris/agent/", "bad agent id"},
                      Malformed{"spiffe://d/cluster/paris/agent/a%20b", "bad agent id"},
                      Malformed{"spiffe://d/cluster/paris/agent/..", "bad agent id"},
                      Malformed{"spiffe://d/cluster/paris/Agent/a", "bad agent id"},
                      Malformed{"spiffe://d/cluster/paris/node/a", "bad agent id"},
                      Malformed{"spiffe://d/client/", "bad client name"},
                      Malformed{"spiffe://d/client/.", "bad client name"},
                      Malformed{"spiffe://d/client/a b", "bad client name"},
                      Malformed{"spiffe://d/client/ann@d", "bad client name"}));

INSTANTIATE_TEST_SUITE_P(
    Path, MalformedIdentity,
    ::testing::Values(Malformed{"spiffe://d", "neither cluster/"},
                      Malformed{"spiffe://d/", "neither cluster/"},
                      Malformed{"spiffe://d/cluster", "neither cluster/"},
                      Malformed{"spiffe://d/cluster/paris/", "neither cluster/"},
                      Malformed{"spiffe://d/cluster/paris/agent", "neither cluster/"},
                      Malformed{"spiffe://d/cluster/paris/agent/a/", "neither cluster/"},
                      Malformed{"spiffe://d/cluster/paris/agent/a/b", "neither cluster/"},
                      Malformed{"spiffe://d//cluster/paris", "neither cluster/"},
                      Malformed{"spiffe://d/Cluster/paris", "neither cluster/"},
                      Malformed{"spiffe://d/client", "neither cluster/"},
                      Malformed{"spiffe://d/client/ann/", "neither cluster/"},
                      Malformed{"spiffe://d/client/ann/agent/a", "neither cluster/"},
                      Malformed{"spiffe://d/ns/default/sa/web", "neither cluster/"}));

TEST(IdentityUri, IsTheInverse) {
  for (const std::string& uri :
       {kParis, kParis + "/agent/a", std::string("spiffe://d/client/ann")}) {
    const absl::StatusOr<Identity> identity = ParseIdentity(uri);
    ASSERT_TRUE(identity.ok());
    EXPECT_EQ(IdentityUri(*identity), uri);
  }
}

TEST(IdentityOf, IsNoneWithoutAUri) {
  EXPECT_THAT(IdentityOf(nullptr), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(IdentityOf(X509Ptr(X509_new()).get()), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(IdentityOf(CertificateWith({}).get()), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(IdentityOf(CertificateWith({{GEN_DNS, "paris"}, {GEN_EMAIL, kParis}}).get()),
              IsOkAndHolds(std::nullopt));
}

TEST(IdentityOf, ReadsTheOneUriAmongOtherNames) {
  EXPECT_THAT(
      IdentityOf(CertificateWith({{GEN_DNS, "tokyo"}, {GEN_URI, kParis}, {GEN_DNS, "x"}}).get()),
      IsOkAndHolds(Identity(ClusterIdentity{"hawser.local", "paris", ""})));
}

TEST(IdentityOf, RefusesSeveralOfOurs) {
  for (const std::string& other : {std::string("spiffe://hawser.local/cluster/tokyo"), kParis,
                                   std::string("spiffe://other/client/ann")})
    EXPECT_THAT(IdentityOf(CertificateWith({{GEN_URI, kParis}, {GEN_URI, other}}).get()),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than one uri")));
}

TEST(IdentityOf, LeavesOtherSystemsNamesAlone) {
  for (const char* other : {"spiffe://mesh.example/ns/default/sa/web",
                            "https://example.com/cluster/x", "urn:uuid:1", "spiffe://d", ""}) {
    EXPECT_THAT(IdentityOf(CertificateWith({{GEN_URI, other}}).get()), IsOkAndHolds(std::nullopt));
    EXPECT_THAT(IdentityOf(CertificateWith({{GEN_URI, other}, {GEN_URI, kParis}}).get()),
                IsOkAndHolds(Identity(ClusterIdentity{"hawser.local", "paris", ""})));
  }
}

TEST(IdentityOf, RefusesOneOfOursThatIsMalformed) {
  for (const char* uri : {"spiffe://hawser.local/cluster/Paris", "spiffe://hawser.local/client/",
                          "spiffe:///cluster/paris", "spiffe://hawser.local/cluster"})
    EXPECT_THAT(IdentityOf(CertificateWith({{GEN_URI, uri}}).get()),
                StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(IdentityOf, RefusesASecondExtensionAndAnUnreadableOne) {
  X509Ptr twice = CertificateWith({{GEN_URI, kParis}});
  const X509Ptr other = CertificateWith({{GEN_URI, "spiffe://hawser.local/cluster/tokyo"}});
  X509_add_ext(twice.get(), X509_get_ext(other.get(), 0), -1);
  EXPECT_THAT(IdentityOf(twice.get()), StatusIs(absl::StatusCode::kInvalidArgument,
                                                HasSubstr("unreadable subject alternative names")));

  X509Ptr garbage = CertificateWith({{GEN_URI, kParis}});
  ASN1_OCTET_STRING* data = X509_EXTENSION_get_data(X509_get_ext(garbage.get(), 0));
  ASN1_STRING_set(data, "garbage", 7);
  EXPECT_THAT(IdentityOf(garbage.get()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("unreadable subject alternative names")));
}

TEST(IsClusterName, TakesDns1123Labels) {
  for (const char* name : {"paris", "a", "0", "a-b", "xn--mnchen-3ya", "10-96-0-7"})
    EXPECT_TRUE(IsClusterName(name)) << name;
  EXPECT_TRUE(IsClusterName(std::string(63, 'a')));
  for (const char* name : {"", "-", "-a", "a-", "A", "a.b", "a_b", "a b", "m\u00fcnchen", "a/b"})
    EXPECT_FALSE(IsClusterName(name)) << name;
  EXPECT_FALSE(IsClusterName(std::string(64, 'a')));
  EXPECT_FALSE(IsClusterName(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace hawser::pki
