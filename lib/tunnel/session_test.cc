// Two sessions over an in-memory stream: dials, bytes, windows, ends, lies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/tunnel/client_number.h"
#include "lib/tunnel/session_fixture.h"

namespace hawser::tunnel {
namespace {

using ::testing::HasSubstr;

// DATA as another protobuf library may well write it: its fields in another order, which makes it a
// packet that is collected whole.
std::string ReversedData(int64_t id, const std::string& bytes) {
  wire::Packet data;
  data.mutable_data()->set_data(bytes);
  wire::Packet rest;
  rest.mutable_data()->set_connect_id(id);
  wire::Packet type;
  type.set_type(wire::DATA);
  // Parts of a message that follow each other are merged.
  return data.SerializeAsString() + rest.SerializeAsString() + type.SerializeAsString();
}

// A number instead of the client's name, to peers that know the field.
TEST_P(SessionTest, ADialTellsWhoseItIs) {
  Start();
  agent_->hold = true;
  for (const char* client : {"client/ann", "client/bob", "client/ann", ""})
    hub_->StartDial({.address = "web:80", .timeout = seconds(10), .client = client},
                    std::make_shared<FakeEndpoint>(), [](const Failure*) {});
  pair_.Run();
  const std::vector<FakeAgent::Request>& asked = agent_->requests;
  ASSERT_EQ(asked.size(), 4u);
  if (plain()) {
    for (const auto& each : asked) EXPECT_EQ(each.client, 0u);
    return;
  }
  EXPECT_EQ(asked[0].client, ClientNumber("client/ann"));
  EXPECT_EQ(asked[1].client, ClientNumber("client/bob"));
  EXPECT_NE(asked[0].client, asked[1].client);
  EXPECT_EQ(asked[2].client, asked[0].client);
  EXPECT_EQ(asked[3].client, 0u);
}

TEST_P(SessionTest, CarriesBytesBothWaysInSmallBatchesAndPieces) {
  Start();
  pair_.set_batch(4096);
  pair_.set_piece(7);
  auto dialled = Open("web:80");
  EXPECT_EQ(agent_->requests[0].address, "web:80");
  EXPECT_EQ(agent_->requests[0].protocol, "tcp");
  std::string up(300'000, 'u'), down(200'000, 'd');
  for (size_t i = 0; i < up.size(); i += 97) up[i] = static_cast<char>(i);
  dialled->endpoint->Send(up);
  target().Send(down);
  pair_.Run();
  EXPECT_EQ(target().received, up);
  EXPECT_EQ(dialled->endpoint->received, down);
  EXPECT_EQ(hub_->counters().bytes_to_peer, up.size());
  EXPECT_EQ(hub_->counters().bytes_from_peer, down.size());
}

TEST_P(SessionTest, RefusalReachesTheDiallerWithReasonHopAndText) {
  Start();
  auto dialled = Dial("refused:1");
  pair_.Run();
  ASSERT_TRUE(dialled->failure.has_value());
  EXPECT_EQ(dialled->failure->reason, Reason::kRefused);
  EXPECT_EQ(dialled->failure->hop, plain() ? Hop::kAgent : Hop::kTarget);
  EXPECT_THAT(dialled->failure->text, HasSubstr("refused:1: connection refused"));
  EXPECT_EQ(hub_->connection_count(), 0u);
}

TEST_P(SessionTest, DialTimesOutAndALateAnswerLeavesNothingBehind) {
  Start();
  agent_->hold = true;
  auto dialled = Dial("slow:1");
  pair_.Run();
  scheduler_.Advance(seconds(10));
  pair_.Run();
  ASSERT_TRUE(dialled->failure.has_value());
  EXPECT_EQ(dialled->failure->reason, Reason::kTimedOut);
  EXPECT_THAT(agent_->cancelled, ::testing::ElementsAre(dialled->id));
  auto late = agent_->Accept(dialled->id);
  EXPECT_TRUE(late->closed);
  EXPECT_EQ(late->failure->reason, Reason::kCancelled);
  EXPECT_EQ(agent_->connection_count(), 0u);
}

TEST_P(SessionTest, AnswerThatCrossesACancelIsClosedAgain) {
  Start();
  pair_.pause_client(true);
  auto dialled = Dial("web:80");
  pair_.Run();  // accepted, but the answer is held up
  EXPECT_EQ(agent_->connection_count(), 1u);
  hub_->CancelDial(dialled->id);
  pair_.pause_client(false);
  pair_.Run();
  EXPECT_FALSE(dialled->done);
  EXPECT_EQ(agent_->connection_count(), 0u);
  EXPECT_TRUE(target().closed);
  EXPECT_FALSE(pair_.closed()) << pair_.status();
}

TEST_P(SessionTest, ACancelledDialThatNobodyAnswersGivesItsPlaceBack) {
  Start();
  agent_->hold = true;
  const auto id = hub_->StartDial({"web:80", "", std::chrono::hours(24)},
                                  std::make_shared<FakeEndpoint>(), [](const Failure*) {});
  pair_.Run();
  pair_.pause_client(true);
  auto place = std::make_shared<int>();
  const std::weak_ptr<int> held = place;
  EXPECT_TRUE(hub_->CancelDial(id, std::move(place)));
  scheduler_.Advance(seconds(59));
  EXPECT_FALSE(held.expired());
  scheduler_.Advance(seconds(1));
  EXPECT_TRUE(held.expired());
  EXPECT_EQ(hub_->pending_dials(), 0u);
  pair_.pause_client(false);
}

TEST_P(SessionTest, ACancelledDialKeepsItsPlaceUntilItIsAnswered) {
  Start();
  agent_->hold = true;
  const auto cancel = [&](const Dialled& dialled) {
    auto place = std::make_shared<int>();
    const std::weak_ptr<int> held = place;
    const bool asked = hub_->CancelDial(dialled.id, std::move(place));
    EXPECT_EQ(asked, !held.expired());
    return held;
  };
  const auto unsent = Dial("web:80");
  EXPECT_TRUE(cancel(*unsent).expired());
  const auto asked = Dial("web:80");
  pair_.Run();
  const auto held = cancel(*asked);
  EXPECT_FALSE(held.expired());
  pair_.Run();
  EXPECT_EQ(agent_->cancelled.size(), 1u);
  // An agent of Konnectivity's says nothing, and may dial on.
  EXPECT_EQ(held.expired(), !plain());
  scheduler_.Advance(seconds(10));
  EXPECT_TRUE(held.expired());
  EXPECT_FALSE(asked->done || unsent->done);
  EXPECT_EQ(hub_->pending_dials(), 0u);
}

TEST_P(SessionTest, TooManyPendingDialsAreOverload) {
  SessionOptions options;
  options.max_pending_dials = 3;
  Start(options);
  agent_->hold = true;
  std::vector<std::shared_ptr<Dialled>> dials;
  for (int i = 0; i < 4; ++i) dials.push_back(Dial("web:80"));
  EXPECT_FALSE(dials[3]->done) << "done must not run from within StartDial()";
  scheduler_.Advance(milliseconds(1));
  pair_.Run();
  ASSERT_TRUE(dials[3]->failure.has_value());
  EXPECT_EQ(dials[3]->failure->reason, Reason::kOverloaded);
  EXPECT_FALSE(dials[0]->done);
}

TEST_P(SessionTest, LossFailsPendingDialsAndOpenConnectionsAtOnce) {
  Start();
  auto open = Open("web:80");
  agent_->hold = true;
  auto pending = Dial("web:81");
  pair_.Run();
  auto at_target = agent_->endpoints[0];
  pair_.Lose(absl::UnavailableError("cable cut"));
  ASSERT_TRUE(pending->failure.has_value());
  EXPECT_EQ(pending->failure->reason, Reason::kAgentLost);
  EXPECT_THAT(pending->failure->text, HasSubstr("cable cut"));
  EXPECT_EQ(open->endpoint->failure->reason, Reason::kAgentLost);
  EXPECT_TRUE(at_target->closed);
}

TEST_P(SessionTest, OrderlyCloseOfTheTargetArrivesBehindItsLastByte) {
  Start();
  auto dialled = Open("web:80");
  const std::string answer(150'000, 'x');
  target().Send(answer);
  target().Finish();
  pair_.Run();
  EXPECT_EQ(dialled->endpoint->received, answer);
  if (plain()) {
    EXPECT_TRUE(dialled->endpoint->closed);
    EXPECT_FALSE(dialled->endpoint->failure.has_value());
  } else {
    EXPECT_TRUE(dialled->endpoint->got_end);
    EXPECT_FALSE(dialled->endpoint->closed);
    dialled->endpoint->Send("still going up");
    pair_.Run();
    EXPECT_EQ(target().received, "still going up");
    dialled->endpoint->Finish();
    pair_.Run();
    EXPECT_TRUE(target().got_end);
    EXPECT_TRUE(dialled->endpoint->closed);
    EXPECT_TRUE(target().closed);
  }
  EXPECT_EQ(hub_->connection_count(), 0u);
  EXPECT_EQ(agent_->connection_count(), 0u);
}

TEST_P(SessionTest, ClientsHalfCloseKeepsTheAnswerComing) {
  Start();
  auto dialled = Open("web:80");
  dialled->endpoint->Send("question");
  dialled->endpoint->Finish();
  pair_.Run();
  EXPECT_EQ(target().received, "question");
  EXPECT_EQ(target().got_end, !plain()) << "a peer without FIN must not be told of a half-close";
  target().Send("answer");
  target().Finish();
  pair_.Run();
  EXPECT_EQ(dialled->endpoint->received, "answer");
  EXPECT_TRUE(dialled->endpoint->closed);
  EXPECT_TRUE(target().closed);
}

// A plain agent gets a moment to write what it has been sent.
TEST_P(SessionTest, ClientThatIsGoneClosesTheTargetInOrder) {
  Start();
  auto dialled = Open("web:80");
  dialled->endpoint->Send("last words");
  dialled->endpoint->presence = Presence::kGone;
  dialled->endpoint->Finish();
  pair_.Run();
  scheduler_.Advance(seconds(1));
  pair_.Run();
  EXPECT_EQ(target().received, "last words");
  EXPECT_TRUE(target().closed);
  EXPECT_FALSE(target().failure.has_value());
  EXPECT_EQ(hub_->connection_count(), 0u);
}

TEST_P(SessionTest, ResetTravelsAsFailure) {
  Start();
  auto dialled = Open("web:80");
  target().connection->Close({Reason::kReset, Hop::kTarget, "connection reset by peer"});
  pair_.Run();
  EXPECT_TRUE(dialled->endpoint->closed);
  ASSERT_TRUE(dialled->endpoint->failure.has_value());
  if (!plain()) {
    EXPECT_EQ(dialled->endpoint->failure->reason, Reason::kReset);
    EXPECT_EQ(dialled->endpoint->failure->hop, Hop::kTarget);
  }
}

TEST_P(SessionTest, DrainIsSeenOnce) {
  Start();
  agent_->SendDrain();
  agent_->SendDrain();
  pair_.Run();
  EXPECT_TRUE(hub_->draining());
  EXPECT_EQ(hub_->drains, 1);
}

TEST_P(SessionTest, DrainReachesTheDialledSideToo) {
  Start();
  auto dialled = Open("web:80");
  hub_->SendDrain();
  pair_.Run();
  EXPECT_EQ(agent_->drains, 1);
  dialled->endpoint->Send("still here");
  pair_.Run();
  EXPECT_EQ(target().received, "still here");
}

TEST_P(SessionTest, DataForAConnectionThatNeverExistedEndsTheSession) {
  Start();
  wire::Packet packet;
  packet.set_type(wire::DATA);
  packet.mutable_data()->set_connect_id(7);
  packet.mutable_data()->set_data("boo");
  pair_.InjectToServer(packet.SerializeAsString());
  EXPECT_TRUE(pair_.closed());
  EXPECT_THAT(std::string(pair_.status().message()), HasSubstr("never existed"));
}

TEST_P(SessionTest, LatePacketsAreIgnoredWithinABudget) {
  Start();
  auto dialled = Open("web:80");
  dialled->endpoint->connection->Close({Reason::kCancelled, Hop::kClient, "bye"});
  pair_.Run();
  wire::Packet packet;
  packet.set_type(wire::DATA);
  packet.mutable_data()->set_connect_id(1);
  packet.mutable_data()->set_data(std::string(60'000, 'x'));
  const std::string message = packet.SerializeAsString();
  pair_.InjectToServer(message);
  EXPECT_FALSE(pair_.closed());
  for (int i = 0; i < 1000 && !pair_.closed(); ++i) pair_.InjectToServer(message);
  EXPECT_TRUE(pair_.closed());
  EXPECT_THAT(std::string(pair_.status().message()), HasSubstr("too many packets of no use: late"));
}

TEST_P(SessionTest, DuplicateConnectionIdEndsTheSession) {
  Start();
  Open("web:80");
  agent_->hold = true;
  auto second = Dial("web:81");
  pair_.Run();
  wire::Packet packet;
  packet.set_type(wire::DIAL_RSP);
  packet.mutable_dial_response()->set_random(second->id);
  packet.mutable_dial_response()->set_connect_id(1);
  pair_.InjectToServer(packet.SerializeAsString());
  EXPECT_TRUE(pair_.closed());
}

TEST_P(SessionTest, UnknownPacketTypesAreIgnored) {
  Start();
  wire::Packet packet;
  packet.set_type(static_cast<wire::PacketType>(99));
  pair_.InjectToServer(packet.SerializeAsString());
  pair_.InjectToClient(packet.SerializeAsString());
  EXPECT_FALSE(pair_.closed());
  Open("web:80");
}

TEST_P(SessionTest, GarbageEndsTheSession) {
  Start();
  pair_.InjectToServer("\xff\xff\xff\xff");
  EXPECT_TRUE(pair_.closed());
}

TEST_P(SessionTest, ReadyConnectionsTakeTurns) {
  Start();
  std::vector<std::shared_ptr<Dialled>> dials;
  for (int i = 0; i < 4; ++i) dials.push_back(Open("web:80"));
  const std::string much(128 * 1024, 'x');
  for (auto& dialled : dials) dialled->endpoint->Send(much);
  for (int i = 0; i < 4; ++i) pair_.Step();
  for (size_t i = 0; i < 4; ++i) EXPECT_GT(target(i).received.size(), 32u * 1024) << i;
}

INSTANTIATE_TEST_SUITE_P(Peers, SessionTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Plain" : "Hawser"; });

// What only holds with a peer of our own.
class WindowTest : public SessionTest {
 protected:
  // A local side sends a million bytes to a target that takes none, finishes, and leaves.
  std::shared_ptr<Dialled> LeaveAMillionUnread() {
    Start();
    agent_->stall_new = true;
    auto dialled = Open("stalled:1");
    dialled->endpoint->Send(std::string(1'000'000, 's'));
    dialled->endpoint->Finish();
    dialled->endpoint->presence = Presence::kLeft;
    pair_.Run();
    return dialled;
  }
};

TEST_P(WindowTest, AStalledConnectionCostsItsWindowAndOthersGoOn) {
  Start();
  agent_->stall_new = true;
  auto stalled = Open("stalled:1");
  agent_->stall_new = false;
  auto healthy = Open("healthy:1");
  stalled->endpoint->Send(std::string(4'000'000, 's'));
  healthy->endpoint->Send(std::string(4'000'000, 'h'));
  pair_.Run();
  EXPECT_LE(target(0).received.size(), 256u * 1024);
  EXPECT_GT(target(0).received.size(), 240u * 1024);  // the last sliver is not worth a message
  EXPECT_EQ(target(1).received.size(), 4'000'000u);
  EXPECT_GE(hub_->counters().window_stalls, 1u);
  const size_t pulls = stalled->endpoint->pulls;
  healthy->endpoint->Send("more");
  pair_.Run();
  EXPECT_EQ(stalled->endpoint->pulls, pulls) << "a parked connection must not be read";
  target(0).Unstall();
  pair_.Run();
  EXPECT_EQ(target(0).received.size(), 4'000'000u);
}

TEST_P(WindowTest, APacketThatNeverEndsIsCharged) {
  const auto memory = std::make_shared<MemoryBudget>(10'000);
  SessionOptions options;
  options.memory = memory;
  Start(options);
  const auto feed = [&](const std::string& bytes) {
    return agent_->OnMessageBytes({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  };
  ASSERT_TRUE(agent_->OnMessageStart(30'000).ok());
  EXPECT_TRUE(feed("\x12\xa6\xea\x01" + std::string(9'000, 'x')).ok());
  EXPECT_GE(memory->used(), 9'000u);
  EXPECT_TRUE(feed(std::string(9'000, 'x')).ok()) << "one of a session with many connections";
  EXPECT_GE(memory->used(), 18'000u);
  pair_.Lose(absl::CancelledError());
  EXPECT_EQ(memory->used(), 0u);
}

TEST_P(WindowTest, WhoWaitsWaitsForOneTurnOfAnother) {
  Start();
  auto one = Open("web:1"), other = Open("web:2");
  one->endpoint->Send(std::string(200'000, '1'));
  std::vector<uint8_t> space(256 * 1024);
  {
    net::MessageBatch batch(space.data(), space.size(), 64 * 1024);
    hub_->Produce(batch);
    EXPECT_GT(batch.size(), 200'000u) << "alone it has all of a batch";
  }
  one->endpoint->Send(std::string(50'000, '1'));
  one->endpoint->largest_pull = 0;
  other->endpoint->Send(std::string(50'000, '2'));
  net::MessageBatch batch(space.data(), space.size(), 20 * 1024);
  hub_->Produce(batch);
  EXPECT_LE(one->endpoint->largest_pull, 20u * 1024);
  EXPECT_GT(one->endpoint->largest_pull, 0u);
}

TEST_P(WindowTest, ManyStalledOnesAreLookedAtOnceARound) {
  Start();
  agent_->stall_new = true;
  std::vector<std::shared_ptr<Dialled>> stalled;
  std::map<size_t, size_t> looks_by_turn;
  for (int i = 0; i < 100; ++i) {
    stalled.push_back(Open("stalled:" + std::to_string(i + 1)));
    stalled.back()->endpoint->Send(std::string(300'000, 's'));
    stalled.back()->endpoint->on_look = [&] { ++looks_by_turn[scheduler_.turns()]; };
  }
  pair_.Run();
  const auto looks = [&] {
    size_t sum = 0;
    for (const auto& each : stalled) sum += each->endpoint->looks;
    return sum;
  };
  const size_t before = looks();
  scheduler_.Advance(std::chrono::milliseconds(250));
  EXPECT_EQ(looks() - before, 100u);
  // A turn with all of them would be felt by everybody else on the loop.
  EXPECT_EQ(looks_by_turn.size(), 4u);
  for (const auto& [turn, count] : looks_by_turn) EXPECT_LE(count, 32u);
  scheduler_.Advance(std::chrono::milliseconds(249));
  EXPECT_EQ(looks() - before, 100u);
  scheduler_.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(looks() - before, 200u);
}

TEST_P(WindowTest, ThoseAreLookedAtAgainAfterWhomNobodyStays) {
  Start();
  agent_->stall_new = true;
  std::vector<std::shared_ptr<Dialled>> stalled;
  for (int i = 0; i < 40; ++i) {
    stalled.push_back(Open("stalled:" + std::to_string(i + 1)));
    stalled.back()->endpoint->Send(std::string(300'000, 's'));
  }
  pair_.Run();
  // The first slice is of 32; those behind it have all been read when it is their turn.
  for (int i = 32; i < 40; ++i) target(i).Unstall();
  pair_.Run();
  const size_t before = stalled[0]->endpoint->looks;
  scheduler_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(stalled[0]->endpoint->looks - before, 4u);
}

TEST_P(WindowTest, OverrunResetsThatConnectionOnly) {
  Start();
  auto victim = Open("web:80");
  auto other = Open("web:81");
  wire::Packet packet;
  packet.set_type(wire::DATA);
  packet.mutable_data()->set_connect_id(1);
  packet.mutable_data()->set_data(std::string(200 * 1024, 'x'));
  victim->endpoint->stalled = true;
  pair_.InjectToServer(packet.SerializeAsString());
  EXPECT_FALSE(victim->endpoint->closed);
  pair_.InjectToServer(packet.SerializeAsString());
  EXPECT_TRUE(victim->endpoint->closed);
  EXPECT_EQ(victim->endpoint->failure->reason, Reason::kProtocolError);
  pair_.Run();
  EXPECT_FALSE(pair_.closed());
  other->endpoint->Send("fine");
  pair_.Run();
  EXPECT_EQ(target(1).received, "fine");
}

TEST_P(WindowTest, AbsurdWindowsEndTheSession) {
  Start();
  Open("web:80");
  wire::Packet packet;
  packet.set_type(wire::WINDOW);
  packet.mutable_window()->set_connect_id(1);
  packet.mutable_window()->set_bytes(-5);
  pair_.InjectToServer(packet.SerializeAsString());
  EXPECT_TRUE(pair_.closed());
}

TEST_P(WindowTest, ParkedConnectionWhoseClientLeftIsClosed) {
  Start();
  agent_->stall_new = true;
  auto dialled = Open("stalled:1");
  dialled->endpoint->Send(std::string(1'000'000, 's'));
  pair_.Run();
  EXPECT_FALSE(dialled->endpoint->closed);
  dialled->endpoint->presence = Presence::kGone;
  scheduler_.Advance(seconds(1));
  pair_.Run();
  EXPECT_TRUE(dialled->endpoint->closed);
  EXPECT_TRUE(target().closed);
}

TEST_P(WindowTest, WhatALocalSideSaidThatLeftKeepsItsPlace) {
  const auto dialled = LeaveAMillionUnread();
  scheduler_.Advance(seconds(80));
  pair_.Run();
  ASSERT_FALSE(dialled->endpoint->closed);
  target().Unstall();
  pair_.Run();
  EXPECT_EQ(target().received.size(), 1'000'000u);
  EXPECT_TRUE(target().got_end);
}

TEST_P(WindowTest, WhatALocalSideSaidThatLeftIsResetWhenNobodyTakesIt) {
  LeaveAMillionUnread();
  scheduler_.Advance(seconds(91));
  pair_.Run();
  ASSERT_TRUE(target().closed);
  ASSERT_TRUE(target().failure.has_value()) << "a part must not pass for the whole";
  EXPECT_EQ(target().failure->reason, Reason::kTimedOut);
}

TEST_P(WindowTest, MemoryPressureShrinksWindows) {
  const auto memory = std::make_shared<MemoryBudget>(1000);
  MemoryCharge charge(memory);
  SessionOptions options;
  options.memory = memory;
  Start(options);
  auto dialled = Open("web:80");
  charge.Set(800);
  dialled->endpoint->Send(std::string(2'000'000, 'x'));
  pair_.Run();
  EXPECT_EQ(target().received.size(), 2'000'000u);
  target().stalled = true;
  dialled->endpoint->Send(std::string(2'000'000, 'x'));
  pair_.Run();
  EXPECT_LE(target().held, 64u * 1024);
}

TEST_P(WindowTest, EarlyBytesArriveWithTheDial) {
  Start();
  EXPECT_EQ(hub_->early_limit(), kMaxEarlySent);
  auto dialled = Dial("web:80", "GET / HTTP/1.1\r\n\r\n");
  pair_.Run();
  EXPECT_EQ(target().received, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(dialled->endpoint->connection->bytes_sent(), 18u);
  EXPECT_EQ(dialled->endpoint->connection->send_window(), 256 * 1024 - 18);
}

TEST_P(WindowTest, EarlyBytesCanBeTakenToSendThemOn) {
  Start();
  agent_->hold = true;
  auto dialled = Dial("web:80", "early");
  pair_.Run();
  EXPECT_EQ(agent_->TakeEarly(dialled->id), "early");
  EXPECT_EQ(agent_->TakeEarly(dialled->id), "");
  EXPECT_EQ(agent_->counters().bytes_from_peer, 5u);
  EXPECT_EQ(agent_->Accept(dialled->id)->received, "");
  pair_.Run();
  EXPECT_EQ(agent_->TakeEarly(dialled->id), "") << "it is answered";
}

INSTANTIATE_TEST_SUITE_P(Peers, WindowTest, ::testing::Values(false));

TEST_P(SessionTest, IdleConnectionsEndWhereThatIsWanted) {
  SessionOptions options;
  options.idle_timeout = seconds(100);
  Start(options);
  auto idle = Open("idle:1");
  auto busy = Open("busy:1");
  for (int i = 0; i < 13; ++i) {
    EXPECT_FALSE(idle->endpoint->closed) << i;
    busy->endpoint->Send("x");
    pair_.Run();
    scheduler_.Advance(seconds(10));
    pair_.Run();
    if (idle->endpoint->closed) break;
  }
  ASSERT_TRUE(idle->endpoint->failure.has_value());
  EXPECT_EQ(idle->endpoint->failure->reason, Reason::kTimedOut);
  EXPECT_TRUE(target(0).closed);
  EXPECT_FALSE(busy->endpoint->closed);
}

TEST_P(SessionTest, FewIdleConnectionsEndInATurn) {
  SessionOptions options;
  options.idle_timeout = seconds(100);
  Start(options);
  std::map<size_t, size_t> ends_by_turn;
  std::vector<std::shared_ptr<Dialled>> idle;
  for (int i = 0; i < 100; ++i) {
    idle.push_back(Open("idle:1"));
    idle.back()->endpoint->on_closed = [&] { ++ends_by_turn[scheduler_.turns()]; };
  }
  scheduler_.Advance(seconds(150));
  size_t ended = 0;
  for (const auto& [turn, count] : ends_by_turn) {
    EXPECT_LE(count, 32u);
    ended += count;
  }
  EXPECT_EQ(ended, 100u);
}

// What only holds with a plain Konnectivity peer.
class PlainTest : public SessionTest {};

TEST_P(PlainTest, SlowReaderHoldsTheStreamBackOnlyWhileItMakesProgress) {
  Start();
  auto slow = Open("slow:1");
  auto other = Open("other:1");
  slow->endpoint->stalled = true;
  Flood();
  EXPECT_LT(slow->endpoint->received.size(), 1'500'000u);
  // Progress keeps it alive.
  for (int i = 0; i < 5; ++i) {
    slow->endpoint->held -= 100'000;
    slow->endpoint->connection->Delivered(100'000);
    scheduler_.Advance(milliseconds(4900));
    pair_.Run();
    ASSERT_FALSE(slow->endpoint->closed);
  }
  // None for five seconds does not.
  scheduler_.Advance(milliseconds(400));
  pair_.Run();
  ASSERT_TRUE(slow->endpoint->closed);
  EXPECT_EQ(slow->endpoint->failure->reason, Reason::kTimedOut);
  EXPECT_EQ(pair_.withheld_by_server(), 0u);
  target(1).Send("free again");
  pair_.Run();
  EXPECT_EQ(other->endpoint->received, "free again");
}

TEST_P(PlainTest, HoldsTheStreamBackForPacketsThatAreCollected) {
  Start();
  auto slow = Open("slow:1");
  slow->endpoint->stalled = true;
  pair_.set_piece(1000);
  for (int i = 0; i < 100; ++i) pair_.InjectToServer(ReversedData(1, std::string(20'000, 's')));
  EXPECT_GT(pair_.withheld_by_server(), 800'000u);
  slow->endpoint->Unstall();
  EXPECT_EQ(pair_.withheld_by_server(), 0u);
}

// Konnectivity's servers pass on the ids that their clients chose.
TEST_P(PlainTest, DialIdsBeginAnywhereAndOneInUseFailsOnlyItsOwnDial) {
  Start();
  agent_->hold = true;
  auto pending = Dial("web:80");
  pair_.Run();
  EXPECT_GT(pending->id, 1'000'000);
  wire::Packet again;
  again.set_type(wire::DIAL_REQ);
  again.mutable_dial_request()->set_protocol("tcp");
  again.mutable_dial_request()->set_random(pending->id);
  pair_.InjectToClient(again.SerializeAsString());
  pair_.Run();
  EXPECT_FALSE(pair_.closed());
  EXPECT_EQ(agent_->requests.size(), 1u);
}

TEST_P(PlainTest, HalfClosedConnectionWithoutTrafficIsReset) {
  Start();
  auto dialled = Open("web:80");
  dialled->endpoint->Finish();
  pair_.Run();
  EXPECT_FALSE(dialled->endpoint->closed);
  scheduler_.Advance(milliseconds(29'900));
  pair_.Run();
  EXPECT_FALSE(dialled->endpoint->closed);
  scheduler_.Advance(milliseconds(400));
  pair_.Run();
  ASSERT_TRUE(dialled->endpoint->failure.has_value()) << "what it has got may not be all";
  EXPECT_EQ(dialled->endpoint->failure->reason, Reason::kTimedOut);
  EXPECT_TRUE(target().closed);
}

TEST_P(PlainTest, ACloseWithAnErrorIsNoOrderlyEnd) {
  Start();
  auto dialled = Open("web:80");
  wire::Packet packet;
  packet.set_type(wire::CLOSE_RSP);
  packet.mutable_close_response()->set_connect_id(1);
  packet.mutable_close_response()->set_error("read tcp: connection reset by peer");
  pair_.InjectToServer(packet.SerializeAsString());
  ASSERT_TRUE(dialled->endpoint->failure.has_value());
  EXPECT_EQ(dialled->endpoint->failure->reason, Reason::kReset);
}

TEST_P(PlainTest, ExtensionPacketsAreErrors) {
  Start();
  Open("web:80");
  wire::Packet packet;
  packet.set_type(wire::FIN);
  packet.mutable_fin()->set_connect_id(1);
  pair_.InjectToServer(packet.SerializeAsString());
  EXPECT_TRUE(pair_.closed());
}

// A client that hopes for `early`, behind a server of Konnectivity's, sends these bytes once more.
TEST_P(PlainTest, FieldsThatWereNotAgreedOnAreIgnored) {
  Start();
  wire::Packet packet;
  packet.set_type(wire::DIAL_REQ);
  packet.mutable_dial_request()->set_protocol("tcp");
  packet.mutable_dial_request()->set_address("web:80");
  packet.mutable_dial_request()->set_random(7);
  packet.mutable_dial_request()->set_early("early");
  packet.mutable_dial_request()->set_client(4711);
  pair_.InjectToClient(packet.SerializeAsString());
  EXPECT_EQ(target().received, "");
  EXPECT_EQ(agent_->requests.back().client, 0u) << "nor does it say who it is";
}

INSTANTIATE_TEST_SUITE_P(Peers, PlainTest, ::testing::Values(true));

TEST(FrontEndStreamTest, CarriesOneConnectionAndWithholdsItsBytes) {
  testing::ManualScheduler scheduler;
  testing::StreamPair pair(scheduler);
  SessionOptions options;
  options.one_connection = true;
  auto front = std::make_unique<FakeAgent>(options);
  FakeAgent* const f = front.get();
  f->stall_new = true;
  auto dialler = std::make_unique<DialingSession>(options);
  DialingSession* const d = dialler.get();
  net::Metadata request;
  dialler->OfferFeatures(request);
  pair.Connect(std::move(dialler), std::move(front), request);
  pair.Run();
  auto endpoint = std::make_shared<FakeEndpoint>();
  std::vector<std::string> outcomes;
  const auto done = [&](const Failure* failure) {
    outcomes.push_back(failure == nullptr ? "open" : failure->text);
  };
  d->StartDial({"web:80", "", seconds(1)}, endpoint, done);
  pair.Run();
  EXPECT_THAT(outcomes, ::testing::ElementsAre("open"));
  endpoint->Send(std::string(100'000, 'x'));
  pair.Run();
  EXPECT_EQ(pair.withheld_by_server(), 100'000u);
  f->endpoints[0]->Unstall();
  EXPECT_EQ(pair.withheld_by_server(), 0u);
}

TEST(FrontEndStreamTest, HoldsWhatComesInAnotherOrderAndInPieces) {
  testing::ManualScheduler scheduler;
  testing::StreamPair pair(scheduler);
  SessionOptions options;
  options.one_connection = true;
  auto front = std::make_unique<FakeAgent>(options);
  FakeAgent* const f = front.get();
  f->stall_new = true;
  auto dialler = std::make_unique<DialingSession>(options);
  DialingSession* const d = dialler.get();
  pair.Connect(std::move(dialler), std::move(front), {});
  d->StartDial({"web:80", "", seconds(1)}, std::make_shared<FakeEndpoint>(), [](auto*) {});
  pair.Run();
  for (const size_t piece : {1u, 7u, 1000u, 100'000u}) {
    pair.set_piece(piece);
    const size_t before = pair.withheld_by_server();
    pair.InjectToServer(ReversedData(1, std::string(9000, 'x')));
    EXPECT_EQ(pair.withheld_by_server(), before + 9000u) << "in pieces of " << piece;
  }
  EXPECT_EQ(f->endpoints[0]->received.size(), 36'000u);
  f->endpoints[0]->Unstall();
  EXPECT_EQ(pair.withheld_by_server(), 0u);
  // What turns out to be another packet is not kept back.
  wire::Packet drain;
  drain.set_type(wire::DRAIN);
  pair.InjectToServer(ReversedData(1, std::string(9000, 'x')) + drain.SerializeAsString());
  EXPECT_EQ(f->drains, 1);
  EXPECT_EQ(pair.withheld_by_server(), 0u);
}

}  // namespace
}  // namespace hawser::tunnel
