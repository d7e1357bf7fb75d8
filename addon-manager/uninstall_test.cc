#include "addon-manager/uninstall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "addon-manager/names.h"
#include "addon-manager/resources.h"
#include "lib/kube/fake_api_server.h"
#include "lib/testing/status_matchers.h"

namespace hawser::addon_manager {
namespace {

using absl::StatusCode;
using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using kube::Object;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

class UninstallTest : public ::testing::Test {
 protected:
  UninstallTest() {
    Create(kManagementAddons, "ClusterManagementAddOn", "", kAddonName);
    Create(kClusterAddons, "ManagedClusterAddOn", "paris", "work-manager");
  }
  void Create(const kube::Resource& resource, const char* kind, const std::string& ns,
              const std::string& name) {
    EXPECT_THAT(
        client_.Create(
            resource,
            {{"apiVersion", resource.ApiVersion()},
             {"kind", kind},
             {"metadata",
              {{"namespace", ns}, {"name", name}, {"labels", {{kAddonLabel, kAddonName}}}}}}),
        IsOk());
  }
  void AddTo(const std::string& cluster) {
    Create(kClusterAddons, "ManagedClusterAddOn", cluster, kAddonName);
    Create(kManifestWorks, "ManifestWork", cluster, kManifestWork);
  }

  kube::FakeApiServer server_;
  kube::Client client_{server_.config()};
};

TEST_F(UninstallTest, OfNothingIsDone) {
  EXPECT_THAT(Uninstall(client_, 1s), IsOk());
  EXPECT_THAT(client_.Get(kManagementAddons, {"", kAddonName}), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Uninstall(client_, 1s), IsOk()) << "again";
  EXPECT_THAT(client_.Get(kClusterAddons, {"paris", "work-manager"}), IsOk()) << "another add-on";
}

TEST_F(UninstallTest, WaitsUntilTheManifestsAreGone) {
  AddTo("paris");
  absl::Status status;
  std::thread running([&] { status = Uninstall(client_, 1min); });
  kube::Client others(server_.config());
  server_.Await(kManagementAddons, {"", kAddonName},
                [](const Object* addon) { return addon == nullptr; });
  EXPECT_THAT(others.Delete(kClusterAddons, {"paris", kAddonName}), IsOk());
  const int seen = server_.Count("GET", "/manifestworks");
  server_.AwaitRequests("GET", "/manifestworks", seen + 2);
  EXPECT_THAT(others.Delete(kManifestWorks, {"paris", kManifestWork}), IsOk());
  running.join();
  EXPECT_THAT(status, IsOk());
}

TEST_F(UninstallTest, TellsWhereItIsLeft) {
  AddTo("paris");
  AddTo("tokyo");
  EXPECT_THAT(Uninstall(client_, 1ms),
              StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("2 clusters: paris, tokyo")));
  for (int i = 0; i < 30; ++i) AddTo("cluster-" + std::to_string(i));
  EXPECT_THAT(Uninstall(client_, 1ms),
              StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("32 clusters: cluster-0, ")));
  EXPECT_THAT(Uninstall(client_, 1ms),
              StatusIs(StatusCode::kDeadlineExceeded, HasSubstr(" and others")));
}

TEST_F(UninstallTest, WithoutOpenClusterManagementNothingIsLeft) {
  for (const char* kind : {"/clustermanagementaddons", "/managedclusteraddons", "/manifestworks"})
    server_.Script({.target = kind, .times = -1, .status = 404, .body = "404 page not found"});
  EXPECT_THAT(Uninstall(client_, 1s), IsOk());
}

TEST_F(UninstallTest, WhatItMayNotDoIsAnError) {
  server_.Script({.method = "DELETE", .times = -1, .status = 403});
  EXPECT_THAT(Uninstall(client_, 1s), StatusIs(StatusCode::kPermissionDenied));
}

}  // namespace
}  // namespace hawser::addon_manager
