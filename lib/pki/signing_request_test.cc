#include "lib/pki/signing_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "lib/testing/status_matchers.h"

namespace hawser::pki {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

PrivateKey NewKey() { return *PrivateKey::Generate(); }

// A request for `key`, signed with `signer`.
std::string RequestPem(EVP_PKEY* key, EVP_PKEY* signer) {
  X509ReqPtr request(X509_REQ_new());
  X509_REQ_set_pubkey(request.get(), key);
  X509_REQ_sign(request.get(), signer, EVP_sha256());
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, size);
}

TEST(SigningRequest, CarriesThePublicKey) {
  const PrivateKey key = NewKey();
  const absl::StatusOr<SigningRequest> request = SigningRequest::Create(key, "paris");
  ASSERT_THAT(request, IsOk());
  EXPECT_THAT(request->ToPem(), StartsWith("-----BEGIN CERTIFICATE REQUEST-----\n"));
  const absl::StatusOr<SigningRequest> parsed = SigningRequest::FromPem(request->ToPem());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(EVP_PKEY_eq(parsed->public_key(), key.get()), 1);
}

TEST(SigningRequest, TellsTheSubject) {
  const PrivateKey key = NewKey();
  X509ReqPtr request(X509_REQ_new());
  X509_NAME* name = X509_REQ_get_subject_name(request.get());
  const auto add = [name](const char* type, const char* value) {
    X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value), -1, -1, 0);
  };
  const auto subject = [&] {
    X509_REQ_set_pubkey(request.get(), key.get());
    X509_REQ_sign(request.get(), key.get(), EVP_sha256());
    BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509_REQ(bio.get(), request.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return SigningRequest::FromPem(std::string(data, size))->subject();
  };
  add("O", "proxies");
  add("O", "all");
  add("OU", "ca-1");
  add("CN", "agent");
  EXPECT_EQ(subject().common_name, "agent");
  EXPECT_THAT(subject().organizations, ::testing::ElementsAre("proxies", "all"));
  EXPECT_THAT(subject().organizational_units, ::testing::ElementsAre("ca-1"));
  EXPECT_FALSE(subject().other_attributes);
  add("CN", "another");
  EXPECT_EQ(subject().common_name, "") << "of two names none is meant";
  add("L", "Paris");
  EXPECT_TRUE(subject().other_attributes);
}

TEST(SigningRequest, RefusesASignatureOfAnotherKey) {
  EXPECT_THAT(
      SigningRequest::FromPem(RequestPem(NewKey().get(), NewKey().get())),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the signature is not its key's")));
}

TEST(SigningRequest, RefusesAChangedRequest) {
  const absl::StatusOr<SigningRequest> request = SigningRequest::Create(NewKey(), "paris");
  ASSERT_THAT(request, IsOk());
  // "paris" becomes another name of the same length: base64 of DER that differs in a few bits.
  BioPtr bio(BIO_new(BIO_s_mem()));
  const std::string pem = request->ToPem();
  BIO_write(bio.get(), pem.data(), static_cast<int>(pem.size()));
  X509ReqPtr changed(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  X509_NAME* name = X509_REQ_get_subject_name(changed.get());
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(changed.get(), &der);
  std::string bytes(reinterpret_cast<char*>(der), size);
  OPENSSL_free(der);
  ASSERT_EQ(X509_NAME_entry_count(name), 1);
  bytes.replace(bytes.find("paris"), 5, "tokyo");
  const auto* begin = reinterpret_cast<const unsigned char*>(bytes.data());
  changed.reset(d2i_X509_REQ(nullptr, &begin, size));
  ASSERT_NE(changed, nullptr);
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(out.get(), changed.get());
  char* data = nullptr;
  const long length = BIO_get_mem_data(out.get(), &data);
  EXPECT_THAT(
      SigningRequest::FromPem(std::string(data, length)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the signature is not its key's")));
}

TEST(SigningRequest, RefusesAWeakKey) {
  KeyPtr weak(EVP_RSA_gen(1024));
  EXPECT_THAT(SigningRequest::FromPem(RequestPem(weak.get(), weak.get())),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the key is too weak")));
}

TEST(SigningRequest, RefusesWhatIsNoRequest) {
  const std::string pem = SigningRequest::Create(NewKey(), "paris")->ToPem();
  for (const std::string& text :
       {std::string(), std::string("garbage"), pem.substr(0, pem.size() / 2), NewKey().ToPem()})
    EXPECT_THAT(SigningRequest::FromPem(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a request in PEM")));
}

TEST(SigningRequest, RefusesNamesThatDoNotFit) {
  for (const std::string& name : {std::string(65, 'a'), std::string("\xff\xfe")})
    EXPECT_THAT(
        SigningRequest::Create(NewKey(), name),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("create signing request for \"")));
}

}  // namespace
}  // namespace hawser::pki
