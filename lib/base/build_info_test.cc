#include "lib/base/build_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace hawser::base {
namespace {

using ::testing::MatchesRegex;

TEST(BuildInfo, ComesFromTheCheckout) {
  std::ifstream file("VERSION");
  std::string version;
  ASSERT_TRUE(std::getline(file, version));
  EXPECT_EQ(GetBuildInfo().version, version);
  EXPECT_THAT(GetBuildInfo().commit, MatchesRegex("[0-9a-f]{12}|unknown"));
  EXPECT_THAT(GetBuildInfo().compiler, MatchesRegex(".*[0-9]+\\.[0-9]+\\.[0-9]+.*"));
}

TEST(VersionLine, NamesProgramVersionAndCommit) {
  const BuildInfo& info = GetBuildInfo();
  EXPECT_EQ(VersionLine("proxy-server"), "proxy-server " + info.version + " (commit " +
                                             info.commit + ", compiler " + info.compiler + ")");
}

}  // namespace
}  // namespace hawser::base
