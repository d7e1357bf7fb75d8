#include "lib/pki/private_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <filesystem>

#include "lib/pki/authority.h"
#include "lib/pki/pem_file.h"
#include "lib/testing/status_matchers.h"

namespace hawser::pki {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

PrivateKey NewKey() { return *PrivateKey::Generate(); }

// `key` in PEM, encrypted with a password.
std::string EncryptedPem(const PrivateKey& key) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_128_cbc(), "password", 8, nullptr,
                                nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, size);
}

TEST(PrivateKey, IsP256AndNeverTheSame) {
  const PrivateKey key = NewKey();
  char group[32] = "";
  ASSERT_EQ(EVP_PKEY_get_group_name(key.get(), group, sizeof group, nullptr), 1);
  EXPECT_STREQ(group, "prime256v1");
  EXPECT_NE(EVP_PKEY_eq(key.get(), NewKey().get()), 1);
}

TEST(PrivateKey, SurvivesPemAndFile) {
  const PrivateKey key = NewKey();
  EXPECT_THAT(key.ToPem(), StartsWith("-----BEGIN PRIVATE KEY-----\n"));
  const absl::StatusOr<PrivateKey> parsed = PrivateKey::FromPem(key.ToPem());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(EVP_PKEY_eq(parsed->get(), key.get()), 1);

  const std::string path = ::testing::TempDir() + "/survives.key";
  ASSERT_THAT(key.Save(path), IsOk());
  EXPECT_THAT(CheckKeyFilePermissions(path), IsOk());
  const absl::StatusOr<PrivateKey> loaded = PrivateKey::Load(path);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(EVP_PKEY_eq(loaded->get(), key.get()), 1);
  std::filesystem::remove(path);
}

TEST(PrivateKey, RefusesAFileThatOthersMayRead) {
  const std::string path = ::testing::TempDir() + "/open.key";
  ASSERT_THAT(NewKey().Save(path), IsOk());
  for (const mode_t mode : {0640, 0604, 0644}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_THAT(PrivateKey::Load(path),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr(path), HasSubstr("accessible to group or others"))));
  }
  std::filesystem::remove(path);
}

TEST(PrivateKey, NamesAFileThatIsMissingOrNoKey) {
  EXPECT_THAT(PrivateKey::Load("/no/such.key"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such.key")));
  const std::string path = ::testing::TempDir() + "/garbage.key";
  ASSERT_THAT(WritePemFile(path, "garbage", kPrivateFile), IsOk());
  EXPECT_THAT(PrivateKey::Load(path),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith(path), HasSubstr("not a private key"))));
  std::filesystem::remove(path);
}

TEST(PrivateKey, RefusesWhatIsNoKeyWithoutRepeatingIt) {
  const std::string pem = NewKey().ToPem();
  const std::string certificate =
      Authority::Create("ca", std::chrono::hours(1))->certificate().ToPem();
  const std::string planted = pem.substr(30, 40);  // of the secret
  for (const std::string& text :
       {std::string(), std::string("garbage"), pem.substr(0, pem.size() / 2), certificate,
        "-----BEGIN PRIVATE KEY-----\n" + planted + "\n-----END PRIVATE KEY-----\n",
        std::string("\0\0\0", 3)}) {
    EXPECT_THAT(PrivateKey::FromPem(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("not a private key"), Not(HasSubstr(planted)))));
  }
}

// A daemon must not ask a terminal for the password.
TEST(PrivateKey, RefusesAnEncryptedKeyWithoutAsking) {
  EXPECT_THAT(PrivateKey::FromPem(EncryptedPem(NewKey())),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a private key")));
}

TEST(PrivateKey, SaveNamesTheFileItCannotWrite) {
  EXPECT_THAT(NewKey().Save("/no/such/folder/tls.key"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("write /no/such/folder/tls.key")));
}

}  // namespace
}  // namespace hawser::pki
