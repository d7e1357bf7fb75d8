#include "lib/pki/anchors.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "lib/pki/private_key.h"

namespace hawser::pki {
namespace {

struct Made {
  Certificate certificate;
  PrivateKey key;
};

struct Spec {
  std::string name;
  bool ca = false;
  bool identifiers = true;
  const char* key_usage = nullptr;
  const char* extended_usage = nullptr;
};

class AnchorsTest : public ::testing::Test {
 protected:
  AnchorsTest() : context_(SSL_CTX_new(TLS_method())) {}
  ~AnchorsTest() override { SSL_CTX_free(context_); }

  // Self-signed without an issuer.
  static Made Make(const Spec& spec, const Made* issuer = nullptr) {
    PrivateKey key = *PrivateKey::Generate();
    X509Ptr certificate(X509_new());
    X509* const x509 = certificate.get();
    X509* const signer = issuer == nullptr ? x509 : issuer->certificate.get();
    static long serial = 0;
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(spec.name.c_str()), -1, -1,
                               0);
    X509_set_issuer_name(x509, X509_get_subject_name(signer));
    X509_set_pubkey(x509, key.get());
    const auto add = [&](int nid, const char* value) {
      X509V3_CTX context;
      X509V3_set_ctx_nodb(&context);
      X509V3_set_ctx(&context, signer, x509, nullptr, nullptr, 0);
      const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
      EXPECT_EQ(X509_add_ext(x509, extension.get(), -1), 1) << value;
    };
    if (spec.ca) add(NID_basic_constraints, "critical,CA:TRUE");
    if (spec.identifiers) add(NID_subject_key_identifier, "hash");
    if (spec.identifiers && issuer != nullptr) add(NID_authority_key_identifier, "keyid");
    if (spec.key_usage != nullptr) add(NID_key_usage, spec.key_usage);
    if (spec.extended_usage != nullptr) add(NID_ext_key_usage, spec.extended_usage);
    EXPECT_GT(X509_sign(x509, issuer == nullptr ? key.get() : issuer->key.get(), EVP_sha256()), 0);
    return {Certificate(std::move(certificate)), std::move(key)};
  }

  static Made Authority(const std::string& name, const Made* issuer = nullptr) {
    return Make({.name = name, .ca = true}, issuer);
  }

  void Trust(std::initializer_list<const Made*> anchors) {
    std::vector<Certificate> authorities;
    for (const Made* anchor : anchors) {
      X509_up_ref(anchor->certificate.get());
      authorities.emplace_back(X509Ptr(anchor->certificate.get()));
    }
    SetAnchors(context_, authorities);
  }

  // Why a peer of this context is refused, "ok" when it is not; as libssl asks.
  std::string Verdict(const Made& leaf, const Made* intermediate = nullptr,
                      const char* purpose = "ssl_client") {
    STACK_OF(X509)* const sent = sk_X509_new_null();
    sk_X509_push(sent, leaf.certificate.get());
    if (intermediate != nullptr) sk_X509_push(sent, intermediate->certificate.get());
    X509_STORE_CTX* const check = X509_STORE_CTX_new();
    X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context_), leaf.certificate.get(), sent);
    X509_STORE_CTX_set_default(check, purpose);
    X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(check), SSL_CTX_get0_param(context_));
    X509_STORE_CTX_set_verify_cb(check, &AcceptAnyUsage);
    const bool verified = X509_verify_cert(check) == 1;
    const int error = X509_STORE_CTX_get_error(check);
    EXPECT_EQ(verified, error == X509_V_OK);
    X509_STORE_CTX_free(check);
    sk_X509_free(sent);
    return X509_verify_cert_error_string(error);
  }

  SSL_CTX* const context_;
};

TEST_F(AnchorsTest, AnIntermediateAloneIsEnough) {
  const Made root = Authority("root");
  const Made intermediate = Authority("intermediate", &root);
  const Made leaf = Make({.name = "leaf"}, &intermediate);
  Trust({&intermediate});
  EXPECT_EQ(Verdict(leaf), "ok");
  EXPECT_EQ(Verdict(leaf, &intermediate), "ok");
  EXPECT_EQ(Verdict(Make({.name = "leaf"}, &root)), "unable to get local issuer certificate");
  Trust({&root});
  EXPECT_EQ(Verdict(leaf, &intermediate), "ok");
  EXPECT_EQ(Verdict(leaf), "unable to get local issuer certificate");
}

TEST_F(AnchorsTest, ALeafAmongThemIsNoAuthority) {
  const Made root = Authority("root");
  const Made leaf = Make({.name = "leaf"}, &root);
  Trust({&leaf});
  EXPECT_EQ(Verdict(leaf), "ok");  // vouches for itself
  EXPECT_EQ(Verdict(Make({.name = "victim"}, &leaf)), "invalid CA certificate");
  EXPECT_EQ(Verdict(Make({.name = "sibling"}, &root)), "unable to get local issuer certificate");
  const Made pretender = Make({.name = "leaf"}, &root);  // another certificate of that name
  EXPECT_NE(Verdict(pretender), "ok");
}

TEST_F(AnchorsTest, EachOfOneNameIsTried) {
  for (const bool identifiers : {false, true}) {
    const Spec spec{.name = "ca", .ca = true, .identifiers = identifiers};
    const Made first = Make(spec), second = Make(spec), stranger = Make(spec);
    const Spec leaf{.name = "leaf", .identifiers = identifiers};
    Trust({&first, &second});
    EXPECT_EQ(Verdict(Make(leaf, &first)), "ok");
    EXPECT_EQ(Verdict(Make(leaf, &second)), "ok");
    EXPECT_NE(Verdict(Make(leaf, &stranger)), "ok");
    EXPECT_NE(Verdict(Make(leaf, &stranger), &stranger), "ok");
    Trust({&second, &first});
    EXPECT_EQ(Verdict(Make(leaf, &first)), "ok");
    // Below an intermediate that the peer sends along.
    const Made intermediate =
        Make({.name = "intermediate", .ca = true, .identifiers = identifiers}, &second);
    EXPECT_EQ(Verdict(Make(leaf, &intermediate), &intermediate), "ok");
  }
}

TEST_F(AnchorsTest, AnyUsageCoversBothSides) {
  const Made root = Authority("root");
  Trust({&root});
  const Made any = Make({.name = "any", .extended_usage = "anyExtendedKeyUsage"}, &root);
  const Made none = Make({.name = "none"}, &root);
  for (const char* purpose : {"ssl_client", "ssl_server"}) {
    EXPECT_EQ(Verdict(any, nullptr, purpose), "ok");
    EXPECT_EQ(Verdict(none, nullptr, purpose), "ok");
  }
  const Made intermediate =
      Make({.name = "inter", .ca = true, .extended_usage = "anyExtendedKeyUsage"}, &root);
  EXPECT_EQ(Verdict(Make({.name = "leaf"}, &intermediate), &intermediate), "ok");
}

TEST_F(AnchorsTest, OtherUsagesStayRefused) {
  const Made root = Authority("root");
  Trust({&root});
  const std::string refused = "unsuitable certificate purpose";
  const Made server = Make({.name = "s", .extended_usage = "serverAuth"}, &root);
  const Made client = Make({.name = "c", .extended_usage = "clientAuth"}, &root);
  EXPECT_EQ(Verdict(server, nullptr, "ssl_client"), refused);
  EXPECT_EQ(Verdict(server, nullptr, "ssl_server"), "ok");
  EXPECT_EQ(Verdict(client, nullptr, "ssl_client"), "ok");
  EXPECT_EQ(Verdict(client, nullptr, "ssl_server"), refused);
  const Made signer =
      Make({.name = "x", .key_usage = "cRLSign", .extended_usage = "anyExtendedKeyUsage"}, &root);
  EXPECT_EQ(Verdict(signer), refused);
  // No authority, whatever its usage says.
  const Made any = Make({.name = "any", .extended_usage = "anyExtendedKeyUsage"}, &root);
  EXPECT_EQ(Verdict(Make({.name = "victim"}, &any), &any), "invalid CA certificate");
  const Made limited = Make({.name = "inter", .ca = true, .extended_usage = "serverAuth"}, &root);
  EXPECT_EQ(Verdict(Make({.name = "leaf"}, &limited), &limited), refused);
}

}  // namespace
}  // namespace hawser::pki
