#include "lib/net/tls_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::net {
namespace {

using ::hawser::testing::IsOkAndHolds;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

class TlsSourceTest : public ::testing::Test {
 protected:
  testing::TestCertificates certificates_;
  TlsOptions options_{.files = certificates_.Agent("paris")};
};

TEST_F(TlsSourceTest, ReadsAgainWhatHasChanged) {
  auto source = TlsSource::Client(options_);
  ASSERT_TRUE(source.ok()) << source.status();
  const auto first = source->context();
  EXPECT_THAT(source->Refresh(), IsOkAndHolds(false));
  EXPECT_EQ(source->context(), first);

  const TlsFiles renewed = certificates_.Agent("paris");
  std::filesystem::rename(renewed.certificate, options_.files.certificate);
  std::filesystem::rename(renewed.key, options_.files.key);
  EXPECT_THAT(source->Refresh(), IsOkAndHolds(true));
  EXPECT_NE(source->context(), first);
  EXPECT_THAT(source->Refresh(), IsOkAndHolds(false));
}

TEST_F(TlsSourceTest, KeepsWhatItHasWhenTheNewOneIsBroken) {
  auto source = TlsSource::Client(options_);
  ASSERT_TRUE(source.ok()) << source.status();
  const auto first = source->context();
  // The certificate is new, the key not yet.
  std::filesystem::rename(certificates_.Agent("paris").certificate, options_.files.certificate);
  EXPECT_FALSE(source->Refresh().ok());
  EXPECT_EQ(source->context(), first);
  EXPECT_THAT(source->Refresh(), IsOkAndHolds(false));  // said once
  EXPECT_FALSE(source->Refresh(/*asked=*/true).ok());
  std::filesystem::remove(options_.files.ca);
  EXPECT_THAT(source->Refresh().status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(options_.files.ca)));
  EXPECT_EQ(source->context(), first);
  EXPECT_EQ(source->failures(), 3u);
}

TEST_F(TlsSourceTest, ATornFileIsNotTaken) {
  auto source = TlsSource::Client(options_);
  ASSERT_TRUE(source.ok()) << source.status();
  for (const std::string& path :
       {options_.files.certificate, options_.files.key, options_.files.ca}) {
    const auto good = source->context();
    const auto size = std::filesystem::file_size(path);
    const std::string whole = path + ".whole";
    std::filesystem::copy_file(path, whole);
    std::filesystem::resize_file(path, size - 10);
    EXPECT_THAT(source->Refresh().status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path)));
    EXPECT_EQ(source->context(), good);
    std::filesystem::rename(whole, path);
    EXPECT_THAT(source->Refresh(), IsOkAndHolds(false));  // nothing new
    EXPECT_EQ(source->context(), good);
  }
}

TEST_F(TlsSourceTest, TakesAKeyOnceItIsPrivate) {
  auto source = TlsSource::Client(options_);
  ASSERT_TRUE(source.ok()) << source.status();
  const auto first = source->context();
  const TlsFiles renewed = certificates_.Agent("paris");
  std::filesystem::rename(renewed.certificate, options_.files.certificate);
  std::filesystem::rename(renewed.key, options_.files.key);
  ::chmod(options_.files.key.c_str(), 0644);
  EXPECT_THAT(source->Refresh().status(), StatusIs(absl::StatusCode::kFailedPrecondition));
  ::chmod(options_.files.key.c_str(), 0600);
  EXPECT_THAT(source->Refresh(), IsOkAndHolds(true));
  EXPECT_NE(source->context(), first);
}

TEST_F(TlsSourceTest, WhatIsNotNewChangesNothing) {
  auto source = TlsSource::Client(options_);
  ASSERT_TRUE(source.ok()) << source.status();
  const auto first = source->context();
  std::filesystem::last_write_time(options_.files.ca,
                                   std::filesystem::file_time_type::clock::now());
  EXPECT_THAT(source->Refresh(), IsOkAndHolds(false));
  EXPECT_THAT(source->Refresh(/*asked=*/true), IsOkAndHolds(false));
  EXPECT_EQ(source->context(), first);
}

TEST_F(TlsSourceTest, MakesContextsOfServersToo) {
  const TlsOptions options{.files = certificates_.HubAgentPort()};
  auto source = TlsSource::Server(options);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_TRUE(source->context()->server());
  const auto first = source->context();
  std::filesystem::rename(certificates_.HubFrontEnd().ca, options.files.ca);
  EXPECT_THAT(source->Refresh(), IsOkAndHolds(true));
  EXPECT_TRUE(source->context()->server());
  EXPECT_NE(source->context(), first);
}

}  // namespace
}  // namespace hawser::net
