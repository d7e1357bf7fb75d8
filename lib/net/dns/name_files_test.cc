#include "lib/net/dns/name_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

namespace hawser::net::dns {
namespace {

using std::chrono::seconds;

class NameFilesTest : public ::testing::Test {
 protected:
  NameFilesTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "name_files.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    Write("resolv.conf", "nameserver 10.0.0.1\n");
    Write("hosts", "10.0.0.2 web\n");
  }
  ~NameFilesTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }

  std::filesystem::path folder_;
};

TEST_F(NameFilesTest, FilesAreReadAgainWhenTheyHaveChangedOnly) {
  NameFiles files({folder_ / "resolv.conf", folder_ / "hosts"});
  base::Time now;
  EXPECT_TRUE(files.Refresh(now, seconds(1)));
  const auto conf = files.conf();
  EXPECT_FALSE(files.Refresh(now += seconds(2), seconds(1)));
  EXPECT_EQ(files.conf(), conf) << "the very same";
  Write("hosts", "10.0.0.2 web\n10.0.0.3 other\n");
  EXPECT_FALSE(files.Refresh(now, seconds(1))) << "it has looked a moment ago";
  files.LookAgain();
  EXPECT_TRUE(files.Refresh(now, seconds(1)));
  EXPECT_EQ(files.conf(), conf) << "the other file";
  Write("resolv.conf", "nameserver 10.0.0.1\nnameserver 10.0.0.4\n");
  EXPECT_TRUE(files.Refresh(now += seconds(2), seconds(1)));
  EXPECT_NE(files.conf(), conf);
}

TEST_F(NameFilesTest, FilesThatAreNotThereSayNothing) {
  NameFiles files({folder_ / "none", folder_ / "neither"});
  base::Time now;
  EXPECT_TRUE(files.Refresh(now, seconds(1)));
  EXPECT_NE(files.conf(), nullptr);
  EXPECT_FALSE(files.Refresh(now += seconds(2), seconds(1)));
}

}  // namespace
}  // namespace hawser::net::dns
