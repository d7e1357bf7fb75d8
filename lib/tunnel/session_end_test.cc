// Many ends at once, which take their turns.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "lib/testing/spin.h"
#include "lib/tunnel/session_fixture.h"

namespace hawser::tunnel {
namespace {

using SessionEndTest = SessionTest;
INSTANTIATE_TEST_SUITE_P(Peers, SessionEndTest, ::testing::Bool(),
                         [](const auto& instance) { return instance.param ? "plain" : "ours"; });

// Their packets come in one message, and an end takes some system calls: all of them in one turn
// would be felt by everybody else.
TEST_P(SessionEndTest, HundredsOfEndsTakeTheirTurns) {
  Start();
  std::vector<std::shared_ptr<Dialled>> open;
  const auto told = [&] {
    return std::count_if(open.begin(), open.end(),
                         [](const auto& dialled) { return dialled->endpoint->closed; });
  };
  for (int n = 0; n < 100; ++n) {
    open.push_back(Open("web:80"));
    open.back()->endpoint->on_closed = [] { testing::Spin(std::chrono::microseconds(200)); };
  }
  for (size_t n = 0; n < open.size(); ++n) {
    target(n).Send("last words");
    target(n).connection->Close(Failure{Reason::kReset, Hop::kAgent, "cut"});
  }
  ASSERT_TRUE(pair_.Step());
  EXPECT_EQ(told(), 8);
  EXPECT_EQ(hub_->connection_count(), 92u);
  // What they do is not heard any more; but one that fails by then did not end in order.
  open[98]->endpoint->Send("too late");
  open[99]->endpoint->connection->Close(Failure{Reason::kPolicyDenied, Hop::kHub, "revoked"});
  const size_t turns = scheduler_.turns();
  pair_.Run();
  EXPECT_EQ(told(), 100);
  EXPECT_GE(scheduler_.turns() - turns, 15u);
  EXPECT_EQ(hub_->connection_count(), 0u);
  EXPECT_EQ(open[98]->endpoint->pulls, 0u);
  EXPECT_EQ(open[98]->endpoint->failure->text, plain() ? "cut" : open[0]->endpoint->failure->text);
  EXPECT_EQ(open[99]->endpoint->failure->text, "revoked");
}

TEST_P(SessionEndTest, ALostStreamsConnectionsEndSomeAtATime) {
  Start();
  std::vector<std::shared_ptr<Dialled>> open;
  for (int n = 0; n < 20; ++n) open.push_back(Open("web:80"));
  const absl::Status lost = absl::UnavailableError("cable cut");
  EXPECT_FALSE(hub_->EndSome(lost));
  EXPECT_EQ(hub_->connection_count(), 12u);
  auto pending = Dial("web:81");
  EXPECT_FALSE(hub_->EndSome(lost));
  EXPECT_TRUE(pending->failure.has_value()) << "dials come first: others may be asked instead";
  pair_.Lose(lost);
  for (const auto& dialled : open) {
    ASSERT_TRUE(dialled->endpoint->closed);
    EXPECT_EQ(dialled->endpoint->failure->reason, Reason::kAgentLost);
  }
}

// Konnectivity's agents drop what they have not written to the target when they are told to close.
class PlainCloseTest : public SessionTest {
 protected:
  // That an agent that was sent so much is told of the end between those times after it.
  void ExpectToldAfter(size_t bytes, milliseconds early, milliseconds late) {
    Start();
    auto dialled = Open("web:80");
    dialled->endpoint->Send(std::string(bytes, 'x'));
    pair_.Run();
    dialled->endpoint->connection->Close();
    scheduler_.Advance(early);
    pair_.Run();
    EXPECT_FALSE(target().closed);
    scheduler_.Advance(late - early);
    pair_.Run();
    EXPECT_TRUE(target().closed);
  }
};
INSTANTIATE_TEST_SUITE_P(Peers, PlainCloseTest, ::testing::Values(true));

TEST_P(PlainCloseTest, AnAgentHasTimeToWriteWhatItWasSent) {
  Start();
  auto dialled = Open("web:80");
  dialled->endpoint->Send("last words");
  pair_.Run();
  dialled->endpoint->connection->Close();
  EXPECT_TRUE(dialled->endpoint->closed);
  scheduler_.Advance(milliseconds(400));
  pair_.Run();
  EXPECT_FALSE(target().closed);
  scheduler_.Advance(milliseconds(200));
  pair_.Run();
  EXPECT_TRUE(target().closed);
  EXPECT_EQ(target().received, "last words");
}

TEST_P(PlainCloseTest, WhoHasNothingToWriteOrIsToldAFailureIsToldAtOnce) {
  Start();
  auto silent = Open("web:80"), failed = Open("web:80");
  failed->endpoint->Send("last words");
  pair_.Run();
  silent->endpoint->connection->Close();
  failed->endpoint->connection->Close(Failure{Reason::kReset, Hop::kHub, "cut"});
  pair_.Run();
  EXPECT_TRUE(target(0).closed);
  EXPECT_TRUE(target(1).closed);
}

TEST_P(PlainCloseTest, ForMuchItHasLonger) {
  ExpectToldAfter(3'000'000, milliseconds(3400), milliseconds(3600));
}

TEST_P(PlainCloseTest, AndNotForEver) {
  ExpectToldAfter(9'000'000, milliseconds(4400), milliseconds(4600));
}

// The shortest waits first, however they came.
TEST_P(PlainCloseTest, EachIsToldInItsOwnTime) {
  Start();
  auto much = Open("web:80"), little = Open("web:80");
  much->endpoint->Send(std::string(2'000'000, 'x'));
  little->endpoint->Send("x");
  pair_.Run();
  much->endpoint->connection->Close();
  little->endpoint->connection->Close();
  scheduler_.Advance(milliseconds(600));
  pair_.Run();
  EXPECT_FALSE(target(0).closed);
  EXPECT_TRUE(target(1).closed);
  scheduler_.Advance(seconds(2));
  pair_.Run();
  EXPECT_TRUE(target(0).closed);
  EXPECT_FALSE(hub_->closes_due());
}

// What it sends before it is told is no fault of its: a session bears that much more.
TEST_P(PlainCloseTest, AnAgentThatIsNotToldYetPaysForNothing) {
  // How many packets of a byte its session bears after the end of the connection.
  const auto borne = [this](bool told) {
    testing::StreamPair pair(scheduler_);
    auto agent = std::make_unique<FakeAgent>(SessionOptions{});
    auto hub = std::make_unique<FakeHub>(SessionOptions{}, /*plain=*/true);
    DialingSession* const dialling = hub.get();
    pair.Connect(std::move(agent), std::move(hub), {});
    pair.Run();
    const auto endpoint = std::make_shared<FakeEndpoint>();
    dialling->StartDial({"web:80", "", seconds(10)}, endpoint, [](const Failure*) {});
    pair.Run();
    endpoint->Send("last words");
    pair.Run();
    wire::Packet packet;
    packet.set_type(wire::DATA);
    packet.mutable_data()->set_connect_id(endpoint->connection->id());
    packet.mutable_data()->set_data("x");
    const std::string message = packet.SerializeAsString();
    endpoint->connection->Close();
    if (told) scheduler_.Advance(seconds(1));
    size_t count = 0;
    for (; count < 1'000'000 && !pair.closed(); ++count) pair.InjectToServer(message);
    return count;
  };
  const size_t after = borne(true), before = borne(false);
  EXPECT_GT(before, after + 10'000);
  EXPECT_LT(before, after + 100'000) << "there is an end to it";
}

// It may answer the beginning of what it is still written.
TEST_P(PlainCloseTest, AnAnswerDoesNotEndItEarlyButAFloodDoes) {
  Start();
  auto dialled = Open("web:80"), other = Open("web:80");
  dialled->endpoint->Send("last words");
  pair_.Run();
  dialled->endpoint->connection->Close();
  pair_.Run();
  target().Send("an answer");
  pair_.Run();
  EXPECT_FALSE(target().closed);
  target().Send(std::string(1'100'000, 'x'));
  pair_.Run();
  EXPECT_TRUE(target().closed);
  EXPECT_FALSE(other->endpoint->closed);
  scheduler_.Advance(seconds(1));
  pair_.Run();
  EXPECT_FALSE(other->endpoint->closed);
}

}  // namespace
}  // namespace hawser::tunnel
