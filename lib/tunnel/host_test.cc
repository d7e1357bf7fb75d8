#include "lib/tunnel/host.h"

#include <gtest/gtest.h>

namespace hawser::tunnel {
namespace {

TEST(Host, IsCanonical) {
  EXPECT_EQ(Host::Parse("Web.Paris.")->text(), "web.paris");
  EXPECT_FALSE(Host::Parse("Web.Paris.")->is_address());
  EXPECT_EQ(Host::Parse("::FFFF:10.0.0.1")->text(), "10.0.0.1");
  EXPECT_TRUE(Host::Parse("::FFFF:10.0.0.1")->is_address());
  for (const char* text : {"", ".", "a..b", "a b", "*.paris"})
    EXPECT_FALSE(Host::Parse(text)) << text;
}

TEST(Domain, TakesDotsBeforeIt) {
  for (const char* text : {"clusters.example", ".clusters.example", "..Clusters.EXAMPLE."})
    EXPECT_EQ(Domain::Parse(text)->text(), "clusters.example") << text;
  for (const char* text : {"", ".", ".."}) EXPECT_TRUE(Domain::Parse(text)->empty()) << text;
  for (const char* text : {"a b", "10.0.0.1", "a..b", "*.example"})
    EXPECT_FALSE(Domain::Parse(text)) << text;
}

TEST(Domain, KnowsWhatIsUnderIt) {
  const Domain domain = Domain::Parse("clusters.example").value();
  EXPECT_EQ(domain.Before("web.paris.clusters.example"), "web.paris");
  for (const char* name : {"clusters.example", ".clusters.example", "parisclusters.example",
                           "paris.example", "paris", ""})
    EXPECT_FALSE(domain.Before(name)) << name;
  EXPECT_FALSE(Domain().Before("paris")) << "nothing is under no domain";
}

TEST(LastLabel, IsBehindTheLastDot) {
  EXPECT_EQ(LastLabel("web.paris"), "paris");
  EXPECT_EQ(LastLabel("paris"), "paris");
  EXPECT_EQ(LastLabel(""), "");
}

}  // namespace
}  // namespace hawser::tunnel
