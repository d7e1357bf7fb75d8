#include "hub/deny_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/pki/certificate.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

std::string WhyDenied(const std::string& key, const std::string& value, const X509* certificate) {
  DenyList list;
  EXPECT_TRUE(list.empty());
  EXPECT_THAT(list.Add(key, value), IsOk());
  EXPECT_FALSE(list.empty());
  return list.WhyDenied(DenyList::SubjectOf(certificate));
}

TEST(DenyList, KnowsACertificateByEachOfItsMarks) {
  testing::TestCertificates files;
  const auto paris = pki::Certificate::Load(files.Agent("paris").certificate);
  const auto ann = pki::Certificate::Load(files.Client("ann").certificate);
  ASSERT_THAT(paris, IsOk());
  ASSERT_THAT(ann, IsOk());
  EXPECT_EQ(WhyDenied("cluster", "paris", paris->get()), "cluster paris");
  EXPECT_EQ(WhyDenied("cluster", "ann", ann->get()), "") << "a client is no cluster";
  EXPECT_EQ(WhyDenied("client", "ann", ann->get()), "client ann");
  EXPECT_EQ(WhyDenied("client", "paris", paris->get()), "");
  for (const auto& [key, value, other] :
       {std::tuple("serial", paris->serial(), ann->serial()),
        std::tuple("fingerprint", paris->fingerprint(), ann->fingerprint())}) {
    std::string colons;
    for (size_t i = 0; i < value.size(); i += 2) colons += (i > 0 ? ":" : "") + value.substr(i, 2);
    for (const std::string& spelling : {value, colons, "0x" + value})
      EXPECT_THAT(WhyDenied(key, spelling, paris->get()), HasSubstr(key)) << spelling;
    EXPECT_EQ(WhyDenied(key, other, paris->get()), "");
  }
  EXPECT_NE(WhyDenied("serial", "00" + paris->serial(), paris->get()), "");
  EXPECT_NE(WhyDenied("fingerprint", "SHA256:" + paris->fingerprint(), paris->get()), "");
}

TEST(DenyList, RefusesWhatNoCertificateHas) {
  const std::pair<const char*, const char*> kBad[] = {
      {"serial", ""},        {"serial", "xyz"},
      {"fingerprint", "ab"}, {"fingerprint", ""},
      {"cluster", "Paris"},  {"cluster", ""},
      {"client", "a/b"},     {"client", ""},
      {"user", "ann"},       {"serial", "11111111111111111111111111111111111111111"}};
  DenyList list;
  for (const auto& [key, value] : kBad)
    EXPECT_THAT(list.Add(key, value), StatusIs(StatusCode::kInvalidArgument, HasSubstr("")))
        << key << " " << value;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.WhyDenied({}), "");
}

}  // namespace
}  // namespace hawser::hub
