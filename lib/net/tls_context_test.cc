#include "lib/net/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>

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

class TlsContextTest : public ::testing::Test {
 protected:
  TlsFiles WithGarbage(std::string TlsFiles::*file) {
    TlsFiles files = files_;
    files.*file = certificates_.folder() + "/garbage";
    std::ofstream(files.*file) << "-----BEGIN PRIVATE KEY-----\nplanted secret\n";
    ::chmod((files.*file).c_str(), 0600);
    return files;
  }

  TestCertificates certificates_;
  const TlsFiles files_ = certificates_.HubAgentPort();
};

TEST_F(TlsContextTest, NeverGoesWithoutACa) {
  EXPECT_THAT(TlsContext::Server({.files = {files_.certificate, files_.key, ""}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("needs the ca")));
  EXPECT_THAT(TlsContext::Client({.files = {}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("needs the ca")));
  EXPECT_THAT(TlsContext::Server({.files = {"", "", files_.ca}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("needs a certificate")));
}

TEST_F(TlsContextTest, ContextsThatBelieveTheSameAreKnownByTheirAuthorities) {
  const auto context = *TlsContext::Server({.files = files_});
  EXPECT_EQ((*TlsContext::Server({.files = files_}))->authorities(), context->authorities());
  TlsFiles others = files_;
  others.ca = certificates_.HubFrontEnd().ca;
  EXPECT_NE((*TlsContext::Server({.files = others}))->authorities(), context->authorities());
}

TEST_F(TlsContextTest, NamesTheMissingFile) {
  for (std::string TlsFiles::*file : {&TlsFiles::certificate, &TlsFiles::key, &TlsFiles::ca}) {
    TlsFiles files = files_;
    files.*file = "/missing/file";
    EXPECT_THAT(TlsContext::Server({.files = files}),
                StatusIs(absl::StatusCode::kNotFound,
                         HasSubstr("/missing/file: no such file or directory")));
  }
}

TEST_F(TlsContextTest, NamesTheBrokenFileWithoutItsContent) {
  for (std::string TlsFiles::*file : {&TlsFiles::certificate, &TlsFiles::key, &TlsFiles::ca}) {
    EXPECT_THAT(TlsContext::Server({.files = WithGarbage(file)}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("/garbage: "), Not(HasSubstr("planted")))));
  }
}

TEST_F(TlsContextTest, RefusesTheKeyOfAnotherCertificate) {
  TlsFiles files = files_;
  files.key = certificates_.Agent("paris").key;
  EXPECT_THAT(
      TlsContext::Server({.files = files}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not belong to certificate")));
}

// OpenSSL keeps a key of another kind for a certificate that may still come.
TEST_F(TlsContextTest, RefusesAKeyOfAnotherKind) {
  TlsFiles files = files_;
  files.key = certificates_.folder() + "/rsa.key";
  EVP_PKEY* const rsa = EVP_RSA_gen(2048);
  FILE* const file = std::fopen(files.key.c_str(), "w");
  EXPECT_EQ(PEM_write_PrivateKey(file, rsa, nullptr, nullptr, 0, nullptr, nullptr), 1);
  std::fclose(file);
  EVP_PKEY_free(rsa);
  ::chmod(files.key.c_str(), 0600);
  for (const auto make : {&TlsContext::Server, &TlsContext::Client})
    EXPECT_THAT(make({.files = files}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not belong to")));
}

TEST_F(TlsContextTest, RefusesAKeyThatOthersMayRead) {
  for (const mode_t mode : {0640, 0604, 0620}) {
    ::chmod(files_.key.c_str(), mode);
    EXPECT_THAT(TlsContext::Server({.files = files_}),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(files_.key)));
  }
  ::chmod(files_.key.c_str(), 0400);
  EXPECT_THAT(TlsContext::Server({.files = files_}), IsOk());
}

TEST_F(TlsContextTest, PrefersAes128) {
  const auto context = TlsContext::Server({.files = files_});
  STACK_OF(SSL_CIPHER)* const ciphers = SSL_CTX_get_ciphers((*context)->get());
  EXPECT_STREQ(SSL_CIPHER_standard_name(sk_SSL_CIPHER_value(ciphers, 0)), "TLS_AES_128_GCM_SHA256");
}

TEST_F(TlsContextTest, TakesCipherSuitesByTheirIanaNames) {
  const auto context = TlsContext::Server(
      {.files = files_,
       .cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                         "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_AES_256_GCM_SHA384"}});
  ASSERT_THAT(context, IsOk());
  // Three of TLS 1.3, which are always there, and the two chosen.
  EXPECT_EQ(sk_SSL_CIPHER_num(SSL_CTX_get_ciphers((*context)->get())), 5);
  EXPECT_THAT(TlsContext::Server({.files = files_, .cipher_suites = {"TLS_ROT13"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, "unknown cipher suite TLS_ROT13"));
}

}  // namespace
}  // namespace hawser::net
