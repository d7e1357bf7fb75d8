#include "lib/pki/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "lib/pki/authority.h"
#include "lib/pki/pem_file.h"
#include "lib/testing/status_matchers.h"

namespace hawser::pki {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using namespace std::chrono_literals;

class CertificateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/certificate.XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // The path of a file with `content`.
  std::string File(const std::string& content) {
    const std::string path = folder_ + "/ca.crt";
    std::ofstream(path) << content;
    return path;
  }
  Certificate Leaf(const LeafSpec& spec) { return *authority_.Issue(spec, key_.get()); }

  std::string folder_;
  const Authority authority_ = *Authority::Create("agents", 24h);
  const PrivateKey key_ = *PrivateKey::Generate();
};

// `certificate` as it is, with another end of its life.
X509Ptr Ending(const Certificate& certificate, const char* generalized_time) {
  X509Ptr copy(X509_dup(certificate.get()));
  ASN1_TIME_set_string(X509_getm_notAfter(copy.get()), generalized_time);
  return copy;
}

TEST_F(CertificateTest, ShowsWhatIsInIt) {
  const Certificate leaf = Leaf({.common_name = "Zo\u00eb's hub",
                                 .uri = "spiffe://hawser.local/client/zoe",
                                 .dns_names = {"hub.example", "*.hub.example"},
                                 .ip_addresses = {"10.0.0.1", "2001:db8::1"},
                                 .server = true,
                                 .client = true});
  EXPECT_EQ(leaf.common_name(), "Zo\u00eb\\'s hub");
  EXPECT_EQ(leaf.issuer_common_name(), "agents");
  EXPECT_THAT(leaf.alternative_names(),
              ElementsAre("uri:spiffe://hawser.local/client/zoe", "dns:hub.example",
                          "dns:*.hub.example", "ip:10.0.0.1", "ip:2001:db8::1"));
  EXPECT_THAT(leaf.usages(), ElementsAre("server", "client"));
  EXPECT_THAT(leaf.serial(), MatchesRegex("[0-9A-F]+"));
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_TRUE(authority_.certificate().is_ca());
  EXPECT_THAT(authority_.certificate().alternative_names(), IsEmpty());
  EXPECT_THAT(authority_.certificate().usages(), IsEmpty());
}

TEST_F(CertificateTest, EscapesWhatStrangersWroteIntoIt) {
  X509Ptr hostile(X509_new());
  const std::string name("a\nb\x1b[2J\0z", 9);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(hostile.get()), "CN", V_ASN1_UTF8STRING,
                             reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
  GeneralNamesPtr names(GENERAL_NAMES_new());
  const auto add = [&](int type, const std::string& bytes) {
    GENERAL_NAME* general = GENERAL_NAME_new();
    ASN1_STRING* value =
        ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    ASN1_STRING_set(value, bytes.data(), static_cast<int>(bytes.size()));
    GENERAL_NAME_set0_value(general, type, value);
    sk_GENERAL_NAME_push(names.get(), general);
  };
  add(GEN_DNS, name);
  add(GEN_IPADD, "12345");
  add(GEN_IPADD, "");
  X509_add1_ext_i2d(hostile.get(), NID_subject_alt_name, names.get(), 0, X509V3_ADD_APPEND);

  const Certificate certificate(std::move(hostile));
  EXPECT_EQ(certificate.common_name(), "a\\nb\\x1b[2J\\x00z");
  EXPECT_THAT(certificate.alternative_names(),
              ElementsAre("dns:a\\nb\\x1b[2J\\x00z", "ip:?", "ip:?"));
}

TEST_F(CertificateTest, SurvivesPem) {
  const absl::StatusOr<Certificate> parsed = Certificate::FromPem(authority_.certificate().ToPem());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(X509_cmp(parsed->get(), authority_.certificate().get()), 0);
}

TEST_F(CertificateTest, LoadsAFileOfSeveral) {
  const Authority other = *Authority::Create("other", 1h);
  const std::string path =
      File("a comment\n" + authority_.certificate().ToPem() + other.certificate().ToPem());
  const auto all = Certificate::LoadAll(path);
  ASSERT_THAT(all, IsOk());
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].common_name(), "agents");
  EXPECT_EQ((*all)[1].common_name(), "other");
  EXPECT_EQ(Certificate::Load(path)->common_name(), "agents");
  EXPECT_EQ(Certificate::AllFromPem(authority_.certificate().ToPem() + other.certificate().ToPem())
                ->size(),
            2u);
  EXPECT_THAT(
      Certificate::AllFromPem("garbage"),
      StatusIs(absl::StatusCode::kInvalidArgument, "parse certificate: no certificate in PEM"));
}

TEST_F(CertificateTest, RefusesWhatIsNoCertificate) {
  for (const std::string& text : {std::string(), std::string("garbage"), key_.ToPem()}) {
    EXPECT_THAT(Certificate::FromPem(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("parse certificate: not a certificate in PEM")));
    const std::string path = File(text);
    EXPECT_THAT(Certificate::Load(path),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(path), HasSubstr("no certificate in PEM"))));
  }
  EXPECT_THAT(Certificate::Load("/no/such.crt"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("read /no/such.crt")));
}

TEST_F(CertificateTest, RefusesAFileWithADamagedCertificate) {
  const std::string pem = authority_.certificate().ToPem();
  const std::string cut = pem.substr(0, pem.size() / 2);
  std::string flipped = pem;
  flipped[flipped.find("\n") + 1] = 'X';  // no DER sequence any more
  for (const std::string& damaged : {cut, flipped}) {
    const std::string path = File(pem + damaged);
    EXPECT_THAT(Certificate::LoadAll(path),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(path), HasSubstr("certificate 2 is damaged"))));
    EXPECT_THAT(Certificate::FromPem(damaged),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("parse certificate: not a certificate in PEM")));
  }
}

TEST_F(CertificateTest, KnowsWhoSignedIt) {
  const Certificate leaf = Leaf({.common_name = "agent", .client = true});
  const Authority impostor = *Authority::Create("agents", 1h);  // the same name, another key
  EXPECT_TRUE(leaf.IsSignedBy(authority_.certificate()));
  EXPECT_FALSE(leaf.IsSignedBy(impostor.certificate()));
  EXPECT_FALSE(leaf.IsSignedBy(Certificate(X509Ptr(X509_new()))));
}

TEST_F(CertificateTest, TimeLeftCountsDownToNegative) {
  const Certificate leaf = Leaf({.common_name = "agent", .client = true, .validity = 1h});
  const WallTime end = leaf.not_after();
  EXPECT_EQ(TimeLeft(leaf.get(), end - 10s), 10s);
  EXPECT_EQ(TimeLeft(leaf.get(), end), 0s);
  EXPECT_EQ(TimeLeft(leaf.get(), end + 90min), -90min);
}

TEST_F(CertificateTest, ReadsTimesBeyondTheSystemClock) {
  const WallTime now = std::chrono::system_clock::now();
  // RFC 5280, 4.1.2.5: no well-defined expiration.
  EXPECT_GT(TimeLeft(Ending(authority_.certificate(), "99991231235959Z").get(), now), 200 * 8760h);
  EXPECT_LT(TimeLeft(Ending(authority_.certificate(), "00010101000000Z").get(), now), -50 * 8760h);
  X509Ptr unreadable(X509_dup(authority_.certificate().get()));
  ASN1_STRING_set(X509_getm_notAfter(unreadable.get()), "soon", 4);
  EXPECT_LT(TimeLeft(unreadable.get(), now), -50 * 8760h);
}

}  // namespace
}  // namespace hawser::pki
