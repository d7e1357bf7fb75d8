#include "spoke/tls_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::IsOkAndHolds;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

class TlsSourceTest : public ::testing::Test {
 protected:
  testing::TestCertificates certificates_;
  net::TlsOptions options_{.files = certificates_.Agent("paris")};
};

TEST_F(TlsSourceTest, ReadsAgainWhatHasChanged) {
  auto source = TlsSource::Load(options_);
  ASSERT_TRUE(source.ok()) << source.status();
  const auto first = source->context();
  EXPECT_THAT(source->Refresh(), IsOkAndHolds(false));
  EXPECT_EQ(source->context(), first);

  const net::TlsFiles renewed = certificates_.Agent("paris");
  std::filesystem::rename(renewed.certificate, options_.files.certificate);
  std::filesystem::rename(renewed.key, options_.files.key);
  EXPECT_THAT(source->Refresh(), IsOkAndHolds(true));
  EXPECT_NE(source->context(), first);
  EXPECT_THAT(source->Refresh(), IsOkAndHolds(false));
}

TEST_F(TlsSourceTest, KeepsWhatItHasWhenTheNewOneIsBroken) {
  auto source = TlsSource::Load(options_);
  ASSERT_TRUE(source.ok()) << source.status();
  const auto first = source->context();
  // The certificate is new, the key not yet.
  std::filesystem::rename(certificates_.Agent("paris").certificate, options_.files.certificate);
  EXPECT_FALSE(source->Refresh().ok());
  EXPECT_EQ(source->context(), first);
  EXPECT_THAT(source->Refresh(), IsOkAndHolds(false));  // said once
  std::filesystem::remove(options_.files.ca);
  EXPECT_THAT(source->Refresh().status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(options_.files.ca)));
  EXPECT_EQ(source->context(), first);
}

TEST_F(TlsSourceTest, KnowsTheExpiry) {
  const auto now = std::chrono::system_clock::now();
  EXPECT_GT(TlsSource::Load(options_)->expiry(), now);
  EXPECT_LT(TlsSource::Load({.files = certificates_.ExpiredAgent("paris")})->expiry(), now);
}

}  // namespace
}  // namespace hawser::spoke
