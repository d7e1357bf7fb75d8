#include "addon-manager/options.h"

#include <gflags/gflags.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "lib/testing/status_matchers.h"

namespace hawser::addon_manager {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest() {
    ::unsetenv("POD_NAMESPACE");
    Set("namespace", "addon");
  }
  ~OptionsTest() override {
    ::unsetenv("POD_NAMESPACE");
    ::unsetenv("POD_UID");
  }

  static void Set(const char* flag, const std::string& value) {
    ASSERT_FALSE(gflags::SetCommandLineOption(flag, value.c_str()).empty()) << flag;
  }
  static Options Read() {
    const auto options = OptionsFromFlags();
    EXPECT_THAT(options, IsOk());
    return options.value_or(Options());
  }
  static void ExpectRefused(const char* flag, const std::string& value, const std::string& why) {
    gflags::FlagSaver saver;
    Set(flag, value);
    EXPECT_THAT(OptionsFromFlags(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)))
        << flag << "=" << value;
  }

  gflags::FlagSaver saver_;
};

TEST_F(OptionsTest, HaveDefaultsThatNeedOnlyANamespace) {
  const Options options = Read();
  EXPECT_EQ(options.ns, "addon");
  EXPECT_EQ(options.configuration, "cluster-proxy");
  EXPECT_EQ(options.agent_namespace, "open-cluster-management-cluster-proxy");
  EXPECT_EQ(options.signer_secret, "cluster-proxy-signer");
  EXPECT_EQ(options.trust_domain, "hawser");
  EXPECT_EQ(options.rotation.authority_lifetime, 24h * 3650);
  EXPECT_EQ(options.rotation.authority_renew_before, 24h * 365);
  EXPECT_EQ(options.rotation.leaf_lifetime, 24h * 90);
  EXPECT_EQ(options.rotation.agent_leaf_lifetime, 24h * 90);
  EXPECT_EQ(options.rotation.delivery, 5min);
  EXPECT_TRUE(options.leader_elect);
  EXPECT_TRUE(options.kube_api_proxy);
  EXPECT_FALSE(options.uninstall);
  EXPECT_EQ(options.health.port, 8000);
}

TEST_F(OptionsTest, ThePodSaysWhereAndWhoItIs) {
  Set("namespace", "");
  EXPECT_THAT(OptionsFromFlags(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--namespace: is needed")));
  ::setenv("POD_NAMESPACE", "of-the-pod", 1);
  ::setenv("POD_UID", "0e8a", 1);
  EXPECT_EQ(Read().ns, "of-the-pod");
  EXPECT_EQ(Read().identity, "0e8a");
  Set("namespace", "addon");
  EXPECT_EQ(Read().ns, "addon");
}

TEST_F(OptionsTest, WithoutAPodEveryProcessIsAnotherCandidate) {
  EXPECT_NE(Read().identity, Read().identity);
}

TEST_F(OptionsTest, AreReadFromFlags) {
  Set("ca_lifetime", "48h");
  Set("ca_renew_before", "0s");
  Set("certificate_lifetime", "30s");
  Set("agent_certificate_lifetime", "600s");
  Set("trust_delivery", "0s");
  Set("leader_elect", "false");
  Set("health_host", "127.0.0.1");
  Set("health_port", "0");
  Set("uninstall", "true");
  Set("uninstall_timeout", "7s");
  const Options options = Read();
  EXPECT_EQ(options.rotation.authority_lifetime, 48h);
  EXPECT_EQ(options.rotation.authority_renew_before, 0s);
  EXPECT_EQ(options.rotation.leaf_lifetime, 30s);
  EXPECT_EQ(options.rotation.agent_leaf_lifetime, 10min);
  EXPECT_EQ(options.rotation.delivery, 0s);
  EXPECT_FALSE(options.leader_elect);
  EXPECT_EQ(options.health.host, "127.0.0.1");
  EXPECT_TRUE(options.uninstall);
  EXPECT_EQ(options.uninstall_timeout, 7s);
}

TEST_F(OptionsTest, WhatMakesNoSenseIsNamed) {
  ExpectRefused("configuration", "", "--configuration: is needed");
  ExpectRefused("agent_install_namespace", "", "--agent-install-namespace: is needed");
  ExpectRefused("signer_secret", "", "--signer-secret: is needed");
  ExpectRefused("trust_domain", "a b", "--trust-domain");
  ExpectRefused("trust_domain", "x/client/y", "--trust-domain");
  ExpectRefused("ca_lifetime", "soon", "--ca-lifetime");
  ExpectRefused("ca_renew_before", "87600h", "--ca-renew-before: must be less than --ca-lifetime");
  ExpectRefused("certificate_lifetime", "0s", "--certificate-lifetime: must be at least 1 s");
  ExpectRefused("agent_certificate_lifetime", "599s", "must be at least 600 s");
  ExpectRefused("trust_delivery", "-1s", "--trust-delivery");
  ExpectRefused("replaced_link_timeout", "-1s", "--replaced-link-timeout");
  ExpectRefused("metrics_from", "{}", "--metrics-from: is no JSON list");
  ExpectRefused("metrics_from", "[", "--metrics-from: is no JSON list");
  ExpectRefused("uninstall_timeout", "0s", "--uninstall-timeout");
  ExpectRefused("health_host", "somewhere.example", "--health-host");
  ExpectRefused("health_port", "65536", "--health-port");
}

TEST_F(OptionsTest, RenewedCertificatesHaveTimeToReachTheirPods) {
  const gflags::FlagSaver saver;
  Set("trust_delivery", "5m");
  Set("certificate_lifetime", "14m");
  EXPECT_THAT(OptionsFromFlags(), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("at least three times --trust-delivery")));
  Set("certificate_lifetime", "15m");
  EXPECT_THAT(OptionsFromFlags(), IsOk());
}

}  // namespace
}  // namespace hawser::addon_manager
