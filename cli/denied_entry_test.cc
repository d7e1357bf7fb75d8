#include "cli/denied_entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "lib/testing/status_matchers.h"

namespace hawser::cli {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

std::string Denied(const std::string& text) {
  const auto result = WithDenied(text, "hub.yaml", "cluster", "paris");
  EXPECT_THAT(result.status(), IsOk());
  return result.value_or("");
}

TEST(DeniedEntryTest, MakesTheListWhereThereIsNone) {
  EXPECT_EQ(Denied(""), "deny:\n  - cluster: paris\n");
  EXPECT_EQ(Denied("# ours\n"), "# ours\ndeny:\n  - cluster: paris\n");
  EXPECT_EQ(Denied("limits:\n  idle-timeout: 1h"),
            "limits:\n  idle-timeout: 1h\ndeny:\n  - cluster: paris\n");
}

TEST(DeniedEntryTest, LeavesAllElseAsItIs) {
  EXPECT_EQ(Denied("# ours\n"
                   "deny:  # since May\n"
                   "    - client: ann   # left\n"
                   "    - serial: 4A:1F\n"
                   "grants:\n"
                   "  rome: host=x\n"),
            "# ours\n"
            "deny:  # since May\n"
            "    - cluster: paris\n"
            "    - client: ann   # left\n"
            "    - serial: 4A:1F\n"
            "grants:\n"
            "  rome: host=x\n");
  EXPECT_EQ(Denied("deny:\n- cluster: rome\n"), "deny:\n- cluster: paris\n- cluster: rome\n");
}

TEST(DeniedEntryTest, TwiceIsOnce) {
  const std::string once = Denied("deny:\n- cluster: rome\n");
  EXPECT_EQ(Denied(once), once);
}

TEST(DeniedEntryTest, SaysWhatItCannotWriteInto) {
  for (const std::string text :
       {"deny:\n", "deny:\n- cluster: a\n  client: b\n",
        "deny:\n- cluster: a\ndeny:\n- cluster: b\n", "deny: []\n", "deny: [{cluster: rome}]\n",
        "deny: rome\n", "- a\n", "{grants: {}}\n", "deny: &x\n- a: [\n", "--- a\n--- b\n"}) {
    EXPECT_THAT(WithDenied(text, "hub.yaml", "cluster", "paris"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("hub.yaml")))
        << text;
  }
}

}  // namespace
}  // namespace hawser::cli
