#include "spoke/target_names.h"

#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

TargetNames::Options Paris() {
  return {.own_names = {"paris"},
          .domain = ".clusters.example",
          .kube_apiserver = {"kubernetes.default.svc", 443}};
}

std::string Text(const TargetNames::Target& target) {
  return target.name + " -> " + target.address.host + ":" + std::to_string(target.address.port);
}

std::string Find(const TargetNames::Options& options, const std::string& host) {
  return Text(TargetNames(options).Find({host, 80}));
}

TEST(TargetNames, StripsTheOwnName) {
  EXPECT_EQ(Find(Paris(), "web.default.svc.paris"), "web.default.svc -> web.default.svc:80");
  EXPECT_EQ(Find(Paris(), "web.default.svc.paris.clusters.example"),
            "web.default.svc -> web.default.svc:80");
  EXPECT_EQ(Find(Paris(), "10-96-0-7.ip.paris"), "10.96.0.7 -> 10.96.0.7:80");
  EXPECT_EQ(Find(Paris(), "2001-db8--1.ip.paris"), "2001:db8::1 -> 2001:db8::1:80");
}

TEST(TargetNames, TheBareNameIsTheKubeApiserver) {
  EXPECT_EQ(Find(Paris(), "paris"), "kubernetes.default.svc -> kubernetes.default.svc:443");
  EXPECT_EQ(Find(Paris(), "paris.clusters.example"),
            "kubernetes.default.svc -> kubernetes.default.svc:443");
}

TEST(TargetNames, TheBareNameIsLikeAnyOtherWithoutAKubeApiserver) {
  TargetNames::Options options = Paris();
  options.kube_apiserver = {};
  EXPECT_EQ(Find(options, "paris"), "paris -> paris:80");
}

TEST(TargetNames, LeavesOthersAlone) {
  EXPECT_EQ(Find(Paris(), "web.default.svc.tokyo"),
            "web.default.svc.tokyo -> web.default.svc.tokyo:80");
  EXPECT_EQ(Find(Paris(), "10.96.0.7"), "10.96.0.7 -> 10.96.0.7:80");
  EXPECT_EQ(Find(Paris(), "parisian"), "parisian -> parisian:80");
  EXPECT_EQ(Find({}, "web.paris"), "web.paris -> web.paris:80");
}

TEST(TargetNames, TheTableComesAfterThat) {
  TargetNames::Options options = Paris();
  ASSERT_THAT(
      options.table.AddList("Web.default.svc=10.96.0.10,db=10.0.0.5:5432,v6=[fd00::1]:1,"
                            "bare6=fd00::2,alias=web.default.svc:8080,dot=a.test.,port=a.test.:81"),
      IsOk());
  ASSERT_THAT(options.table.Add("kubernetes.default.svc", "127.0.0.1:6443"), IsOk());
  EXPECT_EQ(Find(options, "web.default.svc.paris"), "web.default.svc -> 10.96.0.10:80");
  EXPECT_EQ(Find(options, "web.default.svc"), "web.default.svc -> 10.96.0.10:80");
  EXPECT_EQ(Find(options, "db.paris"), "db -> 10.0.0.5:5432");
  EXPECT_EQ(Find(options, "v6.paris"), "v6 -> fd00::1:1");
  EXPECT_EQ(Find(options, "bare6.paris"), "bare6 -> fd00::2:80");
  EXPECT_EQ(Find(options, "alias.paris"), "alias -> web.default.svc:8080");
  EXPECT_EQ(Find(options, "dot.paris"), "dot -> a.test.:80") << "not to be searched for";
  EXPECT_EQ(Find(options, "port.paris"), "port -> a.test.:81");
  EXPECT_EQ(Find(options, "paris"), "kubernetes.default.svc -> 127.0.0.1:6443");
}

TEST(ResolveTable, RefusesMalformedEntries) {
  ResolveTable table;
  for (const char* text : {"web", "web=", "=10.0.0.1", "web=10.0.0.1:0", "web=a b",
                           "web=10.0.0.1:x", "a=10.0.0.1,,b=10.0.0.2", "a b=10.0.0.1"})
    EXPECT_THAT(table.AddList(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("resolve \"")))
        << text;
}

}  // namespace
}  // namespace hawser::spoke
