#include "lib/kube/object.h"

#include <gtest/gtest.h>

#include "lib/kube/timestamp.h"
#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::IsOkAndHolds;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

const Resource kSecrets{.version = "v1", .plural = "secrets"};
const Resource kRoles{.group = "rbac.authorization.k8s.io",
                      .version = "v1",
                      .plural = "clusterroles",
                      .namespaced = false};

TEST(Resource, HasPaths) {
  EXPECT_THAT(CollectionPath(kSecrets, ""), IsOkAndHolds("/api/v1/secrets"));
  EXPECT_THAT(CollectionPath(kSecrets, "a"), IsOkAndHolds("/api/v1/namespaces/a/secrets"));
  EXPECT_THAT(ObjectPath(kSecrets, {"a", "b"}), IsOkAndHolds("/api/v1/namespaces/a/secrets/b"));
  EXPECT_THAT(ObjectPath(kRoles, {"", "system:node"}),
              IsOkAndHolds("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode"));
  EXPECT_THAT(ObjectPath(kSecrets.Sub("status"), {"a", "b"}),
              IsOkAndHolds("/api/v1/namespaces/a/secrets/b/status"));
  EXPECT_EQ(kRoles.Sub("status").Text(), "clusterroles.rbac.authorization.k8s.io/status");
}

TEST(Resource, RefusesNamesThatLeadElsewhere) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(ObjectPath(kSecrets, {"a", ""}), StatusIs(invalid, HasSubstr("name is empty")));
  EXPECT_THAT(ObjectPath(kSecrets, {"", "b"}), StatusIs(invalid, HasSubstr("namespace is empty")));
  EXPECT_THAT(ObjectPath(kSecrets, {"a", ".."}), StatusIs(invalid, HasSubstr("not allowed")));
  EXPECT_THAT(ObjectPath(kSecrets, {"a", "b/c"}), StatusIs(invalid, HasSubstr("\"b/c\"")));
  EXPECT_THAT(ObjectPath(kSecrets, {"a/b", "c"}), StatusIs(invalid, HasSubstr("namespace")));
  EXPECT_THAT(ObjectPath(kRoles, {"a", "b"}), StatusIs(invalid, HasSubstr("not in namespaces")));
  EXPECT_THAT(ObjectPath(kSecrets, {"a", "b?c d\n"}),
              IsOkAndHolds("/api/v1/namespaces/a/secrets/b%3Fc%20d%0A"));
}

TEST(ObjectName, IsAKeyAndBack) {
  EXPECT_EQ((ObjectName{"a", "b"}.Key()), "a/b");
  EXPECT_EQ((ObjectName{"", "b"}.Key()), "b");
  EXPECT_EQ(NameFromKey("a/b"), (ObjectName{"a", "b"}));
  EXPECT_EQ(NameFromKey("b"), (ObjectName{"", "b"}));
}

TEST(Object, LooksNeverThrow) {
  const Object object = Object::parse(
      R"({"metadata":{"name":"n","namespace":7,"uid":"u","resourceVersion":"9",
          "deletionTimestamp":"2026-08-01T10:00:00Z"},"spec":{"replicas":3,"list":[1]}})");
  EXPECT_EQ(NameOf(object), (ObjectName{"", "n"}));
  EXPECT_EQ(UidOf(object), "u");
  EXPECT_EQ(ResourceVersionOf(object), "9");
  EXPECT_TRUE(IsBeingDeleted(object));
  EXPECT_EQ(IntAt(object, {"spec", "replicas"}, 1), 3);
  EXPECT_EQ(IntAt(object, {"metadata", "name"}, 1), 1);
  EXPECT_EQ(StringAt(object, {"spec", "list", "0"}), "");
  EXPECT_EQ(Find(object, {"metadata", "name", "more"}), nullptr);
  for (const char* other : {"null", "[]", "7", "\"text\"", R"({"metadata":[]})"})
    EXPECT_EQ(NameOf(Object::parse(other)).name, "") << other;
}

TEST(Timestamp, ReadsWhatItWrites) {
  const WallTime time = std::chrono::sys_days(std::chrono::year(2026) / 8 / 1) +
                        std::chrono::hours(10) + std::chrono::microseconds(1500);
  EXPECT_EQ(FormatMicroTime(time), "2026-08-01T10:00:00.001500Z");
  EXPECT_EQ(FormatTime(time), "2026-08-01T10:00:00Z");
  EXPECT_EQ(ParseTimestamp("2026-08-01T10:00:00.001500Z"), time);
  EXPECT_EQ(ParseTimestamp("2026-08-01T12:00:00.0015+02:00"), time);
  for (const char* wrong : {"", "now", "infinite-future", "9999-01-01T00:00:00Z", "2026-08-01",
                            "1900-01-01T00:00:00Z", "2026-08-01T10:00:00"})
    EXPECT_EQ(ParseTimestamp(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace hawser::kube
