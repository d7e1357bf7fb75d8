#include "lib/pki/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <stdlib.h>

#include <filesystem>
#include <set>

#include "lib/pki/identity.h"
#include "lib/pki/pem_file.h"
#include "lib/testing/status_matchers.h"

namespace hawser::pki {
namespace {

using hawser::testing::IsOk;
using hawser::testing::IsOkAndHolds;
using hawser::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

using StorePtr = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;
using StackPtr =
    std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })>;

// OpenSSL's verdict on `leaf` for X509_PURPOSE_SSL_SERVER or _CLIENT; "ok" when it is trusted.
std::string Verify(const Certificate& leaf, const Certificate& root, int purpose,
                   const Certificate* intermediate = nullptr) {
  StorePtr store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), root.get());
  StackPtr chain(sk_X509_new_null());
  if (intermediate != nullptr) sk_X509_push(chain.get(), intermediate->get());
  StoreContextPtr context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), chain.get());
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT);
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_verify_cert(context.get());
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

class AuthorityTest : public ::testing::Test {
 protected:
  absl::StatusOr<Certificate> Issue(const LeafSpec& spec) const {
    return authority_.Issue(spec, key_.get());
  }

  const Authority authority_ = *Authority::Create("agents", 24h);
  const PrivateKey key_ = *PrivateKey::Generate();
};

TEST_F(AuthorityTest, SignsLeavesOnly) {
  X509* const ca = authority_.certificate().get();
  EXPECT_EQ(X509_get_version(ca), X509_VERSION_3);
  EXPECT_EQ(X509_get_pathlen(ca), 0);
  EXPECT_EQ(X509_get_key_usage(ca), uint32_t{KU_KEY_CERT_SIGN | KU_CRL_SIGN});
  EXPECT_NE(X509_get0_subject_key_id(ca), nullptr);
  EXPECT_TRUE(X509_get_extension_flags(ca) & EXFLAG_CA);
  EXPECT_EQ(X509_get_signature_nid(ca), NID_ecdsa_with_SHA256);
  EXPECT_TRUE(authority_.certificate().IsSignedBy(authority_.certificate()));
  for (const int nid : {NID_basic_constraints, NID_key_usage})
    EXPECT_TRUE(X509_EXTENSION_get_critical(X509_get_ext(ca, X509_get_ext_by_NID(ca, nid, -1))));
}

TEST_F(AuthorityTest, SubjectsAreWholeAndInOrder) {
  const auto leaf = Issue({.common_name = "agent",
                           .organizations = {"proxies", "all"},
                           .organizational_units = {"ca-1"},
                           .client = true});
  ASSERT_THAT(leaf, IsOk());
  char text[256];
  X509_NAME_oneline(X509_get_subject_name(leaf->get()), text, sizeof text);
  EXPECT_STREQ(text, "/O=proxies/O=all/OU=ca-1/CN=agent");
  EXPECT_THAT(Issue({.common_name = "agent", .organizations = {"a\nb"}, .client = true}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("organization")));
  EXPECT_THAT(Issue({.common_name = "agent", .organizational_units = {""}, .client = true}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("organizational unit")));
}

TEST_F(AuthorityTest, ALeafIsForWhatItWasIssuedFor) {
  const Certificate server = *Issue({.common_name = "hub", .server = true});
  const Certificate client = *Issue({.common_name = "agent", .client = true});
  const Certificate both = *Issue({.common_name = "both", .server = true, .client = true});
  const Certificate& ca = authority_.certificate();
  EXPECT_EQ(Verify(server, ca, X509_PURPOSE_SSL_SERVER), "ok");
  EXPECT_EQ(Verify(client, ca, X509_PURPOSE_SSL_CLIENT), "ok");
  EXPECT_EQ(Verify(both, ca, X509_PURPOSE_SSL_SERVER), "ok");
  EXPECT_EQ(Verify(both, ca, X509_PURPOSE_SSL_CLIENT), "ok");
  EXPECT_THAT(Verify(server, ca, X509_PURPOSE_SSL_CLIENT), HasSubstr("certificate purpose"));
  EXPECT_THAT(Verify(client, ca, X509_PURPOSE_SSL_SERVER), HasSubstr("certificate purpose"));
  EXPECT_THAT(Issue({.common_name = "nothing"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("neither for a server nor for a client")));
}

TEST_F(AuthorityTest, ALeafSignsNothing) {
  const Certificate leaf = *Issue({.common_name = "agent", .client = true});
  X509* const x509 = leaf.get();
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_EQ(X509_get_key_usage(x509), uint32_t{KU_DIGITAL_SIGNATURE});
  EXPECT_EQ(X509_get_signature_nid(x509), NID_ecdsa_with_SHA256);
  EXPECT_EQ(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(x509),
                                  X509_get0_subject_key_id(authority_.certificate().get())),
            0);
  EXPECT_NE(X509_get0_subject_key_id(x509), nullptr);

  // A spoke that holds `key_` makes itself a certificate for another cluster.
  X509Ptr forged(X509_dup(x509));
  X509_set_issuer_name(forged.get(), X509_get_subject_name(x509));
  X509_sign(forged.get(), key_.get(), EVP_sha256());
  EXPECT_NE(Verify(Certificate(std::move(forged)), authority_.certificate(),
                   X509_PURPOSE_SSL_CLIENT, &leaf),
            "ok");
}

TEST_F(AuthorityTest, OfTheSameNameIsNotTheSame) {
  const Authority impostor = *Authority::Create("agents", 1h);
  const Certificate leaf = *impostor.Issue({.common_name = "agent", .client = true}, key_.get());
  EXPECT_NE(Verify(leaf, authority_.certificate(), X509_PURPOSE_SSL_CLIENT), "ok");
}

TEST_F(AuthorityTest, PutsTheIdentityIn) {
  const Identity paris = ClusterIdentity{"hawser.local", "paris", "node-1"};
  const Certificate leaf =
      *Issue({.common_name = "paris", .uri = IdentityUri(paris), .client = true});
  EXPECT_THAT(IdentityOf(leaf.get()), IsOkAndHolds(paris));
  EXPECT_EQ(EVP_PKEY_eq(X509_get0_pubkey(leaf.get()), key_.get()), 1);
}

TEST_F(AuthorityTest, SerialsAreRandomPositiveAndOf128Bits) {
  std::set<std::string> serials;
  int longest = 0;
  for (int i = 0; i < 32; ++i) {
    const Certificate leaf = *Issue({.common_name = "agent", .client = true});
    BignumPtr serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf.get()), nullptr));
    EXPECT_FALSE(BN_is_negative(serial.get()));
    longest = std::max(longest, BN_num_bits(serial.get()));
    serials.insert(leaf.serial());
  }
  EXPECT_EQ(serials.size(), 32u);
  EXPECT_EQ(longest, 128);  // fails once in 2^32 runs
}

TEST_F(AuthorityTest, ALeafDoesNotOutliveIt) {
  const WallTime now = std::chrono::system_clock::now();
  const Certificate shorter = *Issue({.common_name = "agent", .client = true, .validity = 1h});
  EXPECT_GE(shorter.not_after(), now + 1h - 1s);
  EXPECT_LE(shorter.not_after(), now + 1h + 1min);
  EXPECT_LE(shorter.not_before(), now - 5min + 1min);
  const Certificate longer = *Issue({.common_name = "agent", .client = true, .validity = 8760h});
  EXPECT_EQ(longer.not_after(), authority_.certificate().not_after());
  EXPECT_THAT(
      Issue({.common_name = "agent", .client = true, .not_before = now + 25h}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("begins after that of the ca ends")));
}

TEST_F(AuthorityTest, RefusesNamesThatDoNotFit) {
  const auto refuses = [&](LeafSpec spec, const std::string& why) {
    spec.client = true;
    EXPECT_THAT(Issue(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                      AllOf(HasSubstr("issue certificate: "), HasSubstr(why))));
  };
  refuses({.common_name = ""}, "common name \"\" is empty or longer than 64 bytes");
  refuses({.common_name = std::string(65, 'a')}, "longer than 64 bytes");
  refuses({.common_name = "a\nb"}, "common name \"a\\nb\" has control characters");
  refuses({.common_name = std::string("a\0b", 3)}, "has control characters");
  refuses({.common_name = "\xff"}, "common name \"\\xff\" is not UTF-8");
  refuses({.common_name = "a", .uri = "spiffe://d/client/a b"},
          "bad uri \"spiffe://d/client/a b\"");
  refuses({.common_name = "a", .uri = std::string(1025, 'a')}, "bad uri");
  refuses({.common_name = "a", .dns_names = {"ok", ""}}, "bad dns name \"\"");
  refuses({.common_name = "a", .dns_names = {"m\u00fcnchen"}}, "bad dns name \"m\\xc3\\xbcnchen\"");
  refuses({.common_name = "a", .ip_addresses = {"10.0.0"}}, "bad ip address \"10.0.0\"");
  refuses({.common_name = "a", .ip_addresses = {"[::1]"}}, "bad ip address \"[::1]\"");
  refuses({.common_name = "a", .ip_addresses = {std::string("10.0.0.1\0x", 10)}},
          "bad ip address \"10.0.0.1\\x00x\"");
}

TEST_F(AuthorityTest, RefusesAValidityWithoutSense) {
  for (const std::chrono::seconds validity :
       {0s, -1s, std::chrono::seconds(std::chrono::years(101)), std::chrono::seconds::max()}) {
    const auto refused = StatusIs(absl::StatusCode::kInvalidArgument,
                                  HasSubstr("between a second and a hundred years"));
    EXPECT_THAT(Issue({.common_name = "a", .client = true, .validity = validity}), refused);
    EXPECT_THAT(Authority::Create("ca", validity), refused);
  }
  EXPECT_THAT(Authority::Create("ca", std::chrono::years(100)), IsOk());
}

class AuthorityFilesTest : public AuthorityTest {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/authority.XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    certificate_ = folder_ + "/ca.crt";
    key_file_ = folder_ + "/ca.key";
    ASSERT_THAT(WritePemFile(certificate_, authority_.certificate().ToPem(), kPublicFile), IsOk());
    ASSERT_THAT(authority_.key().Save(key_file_), IsOk());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_, certificate_, key_file_;
};

TEST_F(AuthorityFilesTest, GoesOnAfterALoad) {
  const absl::StatusOr<Authority> loaded = Authority::Load(certificate_, key_file_);
  ASSERT_THAT(loaded, IsOk());
  const Certificate leaf = *loaded->Issue({.common_name = "agent", .client = true}, key_.get());
  EXPECT_EQ(Verify(leaf, authority_.certificate(), X509_PURPOSE_SSL_CLIENT), "ok");
}

TEST_F(AuthorityFilesTest, IssuesNothingAfterItsEnd) {
  X509Ptr expired(X509_dup(authority_.certificate().get()));
  ASN1_TIME_set_string(X509_getm_notAfter(expired.get()), "20200101000000Z");
  X509_sign(expired.get(), authority_.key().get(), EVP_sha256());
  ASSERT_THAT(WritePemFile(certificate_, Certificate(std::move(expired)).ToPem(), kPublicFile),
              IsOk());
  const absl::StatusOr<Authority> loaded = Authority::Load(certificate_, key_file_);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_THAT(loaded->Issue({.common_name = "agent", .client = true}, key_.get()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ca agents has expired")));
}

TEST_F(AuthorityFilesTest, RefusesFilesThatAreNoAuthority) {
  EXPECT_THAT(Authority::Load(folder_ + "/no.crt", key_file_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no.crt")));
  EXPECT_THAT(Authority::Load(certificate_, folder_ + "/no.key"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no.key")));
  const std::string other = folder_ + "/other.key";
  ASSERT_THAT(key_.Save(other), IsOk());
  EXPECT_THAT(Authority::Load(certificate_, other),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("load ca " + certificate_),
                             HasSubstr("the key is not the certificate's"))));
  const std::string leaf = folder_ + "/leaf.crt";
  ASSERT_THAT(WritePemFile(leaf, Issue({.common_name = "a", .client = true})->ToPem(), kPublicFile),
              IsOk());
  EXPECT_THAT(Authority::Load(leaf, other),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a ca certificate")));
}

}  // namespace
}  // namespace hawser::pki
