#include "hub/handshake_places.h"

#include <gtest/gtest.h>

#include <vector>

namespace hawser::hub {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Id = HandshakePlaces::Id;
using Refusal = HandshakePlaces::Refusal;

class HandshakePlacesTest : public ::testing::Test {
 protected:
  HandshakePlaces::Place Take(const std::string& network) {
    const auto taken = places_.Take(network, now_);
    const auto* place = std::get_if<HandshakePlaces::Place>(&taken);
    EXPECT_NE(place, nullptr) << network;
    if (place == nullptr) return {};
    if (place->displaced) places_.Return(*place->displaced, now_, false);
    return *place;
  }
  std::vector<Id> Take(const std::string& network, int count) {
    std::vector<Id> ids;
    for (int i = 0; i < count; ++i) ids.push_back(Take(network).id);
    return ids;
  }
  std::optional<Refusal> Refused(const std::string& network) {
    const auto taken = places_.Take(network, now_);
    if (const auto* refusal = std::get_if<Refusal>(&taken)) return *refusal;
    return std::nullopt;
  }

  base::Time now_{seconds(1000)};
  HandshakePlaces places_{{.places = 8, .failure_burst = 4, .failure_rate = 2}};
};

TEST_F(HandshakePlacesTest, AllAreForWhoeverComes) {
  const auto ids = Take("a", 8);
  EXPECT_EQ(places_.taken(), 8u);
  for (const Id id : ids) places_.Return(id, now_, false);
  EXPECT_EQ(places_.taken(), 0u);
}

TEST_F(HandshakePlacesTest, ThoseWhoHavePlacesHaveEqualShares) {
  EXPECT_EQ(places_.share(), 8u);
  const auto crowd = Take("crowd", 8);
  EXPECT_EQ(places_.share(), 8u);
  std::vector<Id> others = {Take("a").id, Take("b").id};
  EXPECT_EQ(places_.share(), 2u);
  for (const Id id : others) places_.Return(id, now_, true);
  EXPECT_EQ(places_.share(), 8u) << "what they failed takes no place";
}

TEST_F(HandshakePlacesTest, TheCrowdMakesRoomForOthers) {
  const auto few = Take("few", 2);
  const auto crowd = Take("crowd", 6);
  EXPECT_EQ(Take("new").displaced, crowd[0]);
  EXPECT_EQ(Take("new").displaced, crowd[1]);
  EXPECT_EQ(Take("few").displaced, crowd[2]);
  // Three each now, but for those that are new.
  EXPECT_EQ(places_.taken(), 8u);
}

TEST_F(HandshakePlacesTest, ACrowdDoesNotDisplaceItsOwnBeforeTheyHadTime) {
  const auto crowd = Take("crowd", 8);
  EXPECT_EQ(Refused("crowd"), Refusal::kNoPlace);
  now_ += milliseconds(999);
  EXPECT_EQ(Refused("crowd"), Refusal::kNoPlace);
  now_ += milliseconds(1);
  EXPECT_EQ(Take("crowd").displaced, crowd[0]);
  EXPECT_EQ(Take("crowd").displaced, crowd[1]);
}

TEST_F(HandshakePlacesTest, AmongManyTheOldestGoesFirst) {
  std::vector<Id> ids;
  for (const char* network : {"a", "b", "c", "d", "e", "f", "g", "h"})
    ids.push_back(Take(network).id);
  EXPECT_EQ(Take("new").displaced, ids[0]);
  EXPECT_EQ(Refused("new"), Refusal::kNoPlace) << "it has as many as any other";
}

TEST_F(HandshakePlacesTest, FailuresAreLimitedInTime) {
  for (const Id id : Take("bad", 4)) places_.Return(id, now_, true);
  EXPECT_EQ(Refused("bad"), Refusal::kFailures);
  EXPECT_EQ(Refused("good"), std::nullopt);
  now_ += milliseconds(500);
  places_.Return(Take("bad").id, now_, true);
  EXPECT_EQ(Refused("bad"), Refusal::kFailures);
  now_ += seconds(2);
  for (const Id id : Take("bad", 4)) places_.Return(id, now_, true);
  EXPECT_EQ(Refused("bad"), Refusal::kFailures);
}

TEST_F(HandshakePlacesTest, WhatDoesNotFailCostsNothing) {
  for (int i = 0; i < 100; ++i) places_.Return(Take("good").id, now_, false);
  EXPECT_EQ(Refused("good"), std::nullopt);
}

TEST_F(HandshakePlacesTest, ForgetsNetworks) {
  for (int i = 0; i < 20'000; ++i) places_.Return(Take(std::to_string(i)).id, now_, true);
  EXPECT_EQ(places_.taken(), 0u);
  EXPECT_LT(places_.networks(), 5'000u);
}

}  // namespace
}  // namespace hawser::hub
