#include "spoke/label_selector.h"

#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

const LabelSelector::Labels kLabels{{"k8s-app", "konnectivity-server"}, {"example.org/zone", "a"}};

TEST(LabelSelector, Matches) {
  for (const char* fits :
       {"", " ", "k8s-app=konnectivity-server", "k8s-app == konnectivity-server", "k8s-app", "!old",
        "k8s-app!=other", "old!=x", "example.org/zone in (b, a)", "old notin (a)",
        "k8s-app=konnectivity-server,example.org/zone notin(b,c) , !old"}) {
    const auto selector = LabelSelector::Parse(fits);
    ASSERT_TRUE(selector.ok()) << selector.status();
    EXPECT_TRUE(selector->Matches(kLabels)) << fits;
  }
  for (const char* other :
       {"k8s-app=other", "k8s-app=", "old", "!k8s-app", "k8s-app!=konnectivity-server",
        "example.org/zone in (b)", "example.org/zone notin (a,b)", "old in (a)",
        "k8s-app=konnectivity-server,old"}) {
    const auto selector = LabelSelector::Parse(other);
    ASSERT_TRUE(selector.ok()) << selector.status();
    EXPECT_FALSE(selector->Matches(kLabels)) << other;
  }
}

TEST(LabelSelector, RefusesWhatIsNone) {
  for (const char* text : {"=a", ",", "a=b,", "!", "a b", "a in b", "a in (b", "a notin", "a=b=c",
                           "a=\"b\"", "!a=b", "a in(b)c", "a\nb", "(a)"})
    EXPECT_THAT(LabelSelector::Parse(text).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a label selector: ")))
        << text;
}

}  // namespace
}  // namespace hawser::spoke
