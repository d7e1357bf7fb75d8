#include "lib/tunnel/features.h"

#include <gtest/gtest.h>

#include <string>

namespace hawser::tunnel {
namespace {

Features Negotiate(const std::string& features, const std::string& window) {
  net::Metadata metadata;
  metadata.Add("hawser-features", features);
  if (!window.empty()) metadata.Add("hawser-window", window);
  return Accept(metadata, true);
}

TEST(Features, OfferIsASortedListWithTheFirstWindow) {
  net::Metadata metadata;
  Offer(metadata, 262144, true);
  EXPECT_EQ(metadata.Get("hawser-features"), "demand,early,fin,reason,window");
  EXPECT_EQ(metadata.Get("hawser-window"), "262144");
  net::Metadata front;
  Offer(front, 262144, false);
  EXPECT_EQ(front.Get("hawser-features"), "early,fin,reason");
  EXPECT_FALSE(front.Has("hawser-window"));
}

TEST(Features, UnknownOnesAreIgnored) {
  const Features features = Negotiate("fin,hyperdrive,window", "100000");
  EXPECT_TRUE(features.fin);
  EXPECT_TRUE(features.window);
  EXPECT_FALSE(features.reason);
  EXPECT_FALSE(features.early);
  EXPECT_EQ(features.peer_window, 100000);
  net::Metadata answer;
  Answer(answer, features, 5);
  EXPECT_EQ(answer.Get("hawser-features"), "fin,window");
}

TEST(Features, NamesAreComparedWhole) {
  EXPECT_FALSE(Negotiate("final", "").fin);
  EXPECT_FALSE(Negotiate("xfin", "").fin);
  EXPECT_FALSE(Negotiate("", "").any());
  EXPECT_FALSE(Negotiate(",,", "").any());
}

TEST(Features, WindowNeedsAUsableSize) {
  EXPECT_FALSE(Negotiate("window", "").window);
  EXPECT_FALSE(Negotiate("window", "-1").window);
  EXPECT_FALSE(Negotiate("window", "12k").window);
  EXPECT_FALSE(Negotiate("window", "99999999999999999999").window);
  EXPECT_EQ(Negotiate("window", "1").peer_window, 16 * 1024);
  EXPECT_EQ(Negotiate("window", "9999999999").peer_window, 64 * 1024 * 1024);
}

TEST(Features, DemandIsAboutWindows) {
  EXPECT_TRUE(Negotiate("demand,window", "100000").demand);
  EXPECT_FALSE(Negotiate("demand", "").demand);
  EXPECT_FALSE(Negotiate("demand,window", "").demand);
}

TEST(Features, NoneMeansPlainKonnectivity) {
  EXPECT_EQ(Accept({}, true), Features());
  net::Metadata answer;
  Answer(answer, {}, 262144);
  EXPECT_TRUE(answer.entries().empty());
}

}  // namespace
}  // namespace hawser::tunnel
