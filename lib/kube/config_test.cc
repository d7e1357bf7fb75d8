#include "lib/kube/config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::IsOkAndHolds;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

// A folder of its own for each test.
class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    std::filesystem::create_directories(folder_);
    ::unsetenv("KUBERNETES_SERVICE_HOST");
    ::unsetenv("KUBERNETES_SERVICE_PORT");
  }
  ~ConfigTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  // As Kubernetes does: the old file stays what it is, another takes its place.
  void Write(const std::string& name, const std::string& content, mode_t mode = 0600) {
    const std::string path = Path(name);
    std::ofstream(path + ".new") << content;
    ::chmod((path + ".new").c_str(), mode);
    std::filesystem::rename(path + ".new", path);
  }

  const std::string folder_ =
      ::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST(ServerUrl, IsHttpsWithDefaults) {
  EXPECT_THAT(ParseServerUrl("https://k8s.example"),
              IsOkAndHolds(ServerUrl{true, "k8s.example", 443, ""}));
  EXPECT_THAT(ParseServerUrl("https://10.0.0.1:6443/"),
              IsOkAndHolds(ServerUrl{true, "10.0.0.1", 6443, ""}));
  EXPECT_THAT(ParseServerUrl("https://[fd00::1]:6443/k8s/clusters/c1/"),
              IsOkAndHolds(ServerUrl{true, "fd00::1", 6443, "/k8s/clusters/c1"}));
  EXPECT_THAT(ParseServerUrl("https://[fd00::1]"),
              IsOkAndHolds(ServerUrl{true, "fd00::1", 443, ""}));
  EXPECT_THAT(ParseServerUrl("http://127.0.0.1:8001"),
              IsOkAndHolds(ServerUrl{false, "127.0.0.1", 8001, ""}));
  EXPECT_THAT(ParseServerUrl("http://localhost"),
              IsOkAndHolds(ServerUrl{false, "localhost", 80, ""}));
}

TEST(ServerUrl, RefusesAllElse) {
  for (const char* wrong :
       {"", "k8s.example:6443", "ftp://x", "https://", "https://user@host", "https://host?x",
        "https://host/a b", "https://host:99999", "https://fd00::1:6443", "http://10.0.0.1",
        "http://127.0.0.1.example", "https://host/a\nb"})
    EXPECT_THAT(ParseServerUrl(wrong),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("server ")))
        << wrong;
}

TEST_F(ConfigTest, InClusterReadsTheServiceAccount) {
  EXPECT_THAT(InClusterConfig(folder_), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                 HasSubstr("KUBERNETES_SERVICE_HOST")));
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  EXPECT_THAT(InClusterConfig(folder_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(Path("ca.crt"))));
  Write("ca.crt", "ca");
  EXPECT_THAT(InClusterConfig(folder_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(Path("token"))));
  Write("token", "abc\n", 0644);
  Write("namespace", "addons\n");
  const auto config = InClusterConfig(folder_);
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->server, (ServerUrl{true, "fd00::1", 443, ""}));
  EXPECT_EQ(config->ns, "addons");
  EXPECT_THAT(config->authorities->Read(), IsOkAndHolds("ca"));
  EXPECT_EQ(config->credentials->Get()->token, "abc");
}

TEST_F(ConfigTest, ATokenFileIsReadAgainWhenItChanges) {
  ::setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  Write("ca.crt", "ca");
  Write("token", "one");
  const auto config = InClusterConfig(folder_);
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->credentials->Get()->token, "one");
  Write("token", "two");
  EXPECT_EQ(config->credentials->Get()->token, "two");
  std::filesystem::remove(Path("token"));
  EXPECT_THAT(config->credentials->Get(), StatusIs(absl::StatusCode::kNotFound));
  Write("token", "thr\ree");
  EXPECT_THAT(config->credentials->Get(), StatusIs(absl::StatusCode::kInvalidArgument));
  Write("token", "three");
  EXPECT_EQ(config->credentials->Get()->token, "three");
}

TEST_F(ConfigTest, AKubeconfigsFilesAreBesideIt) {
  Write("config",
        "current-context: x\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n"
        "clusters: [{name: x, cluster: {server: https://h, certificate-authority: ca.crt}}]\n"
        "users: [{name: x, user: {client-certificate: user.crt, client-key: user.key}}]\n");
  Write("ca.crt", "ca");
  Write("user.crt", "cert");
  Write("user.key", "key", 0644);
  const auto config = LoadConfig(Path("config"));
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->ns, "default");
  EXPECT_THAT(config->authorities->Read(), IsOkAndHolds("ca"));
  EXPECT_THAT(config->credentials->Get(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(Path("user.key"))));
  Write("user.key", "key");
  EXPECT_EQ(config->credentials->Get()->certificate_pem, "cert");
  EXPECT_EQ(config->credentials->Get()->key_pem, "key");
  EXPECT_THAT(LoadConfig(Path("none")), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

}  // namespace
}  // namespace hawser::kube
