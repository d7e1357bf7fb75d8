// How much flows and whose turn it is: windows that grow and shrink, sparse connections first.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/tunnel/session_fixture.h"

namespace hawser::tunnel {
namespace {

constexpr size_t kKiB = 1024;
constexpr size_t kPlenty = 4 * 1024 * kKiB;

class FlowTest : public SessionTest {
 protected:
  // A long way: the hub sends until it has no window left, and only then, a round trip later, hears
  // from the agent. Returns how many bytes arrived at `target`.
  size_t SendOverALongWay(FakeEndpoint& target) {
    const size_t before = target.received.size();
    pair_.set_round_trip(milliseconds(50));
    scheduler_.Advance(milliseconds(50));
    pair_.pause_server(true);
    pair_.Run();
    pair_.pause_server(false);
    pair_.pause_client(true);
    pair_.Run();
    pair_.pause_client(false);
    return target.received.size() - before;
  }
  // Whether an agent that sends `packet`, about its only connection, again and again loses its
  // session.
  bool IsEndedBy(const wire::Packet& packet) {
    Start();
    const auto dialled = Open("web:80");
    const std::string bytes = packet.SerializeAsString();
    for (int i = 0; i < 20'000 && !pair_.closed(); ++i) pair_.InjectToServer(bytes);
    return pair_.closed();
  }
  // What the hub may send now on its only connection.
  size_t Stall(FakeEndpoint& target, FakeEndpoint& source) {
    target.stalled = true;
    source.to_send.clear();
    source.Send(std::string(kPlenty, 's'));
    pair_.Run();
    return target.held;
  }
};

TEST_P(FlowTest, AWindowGrowsByWhatTheSenderLacksUpToItsLimit) {
  SessionOptions options;
  options.max_window = 1024 * kKiB;
  Start(options);
  auto dialled = Open("web:80");
  dialled->endpoint->Send(std::string(kPlenty, 'x'));
  for (const size_t window : {256, 512, 1024, 1024}) {
    // The last sliver is not worth a message.
    EXPECT_NEAR(SendOverALongWay(target()), window * kKiB, 16 * kKiB);
  }
  EXPECT_EQ(hub_->counters().packets_to_peer[PacketKind(wire::DEMAND)], 4u);
}

TEST_P(FlowTest, OnAShortWayAWindowStaysSmall) {
  Start();
  auto dialled = Open("web:80");
  dialled->endpoint->Send(std::string(kPlenty, 'x'));
  pair_.Run();
  EXPECT_EQ(target().received.size(), kPlenty);
  EXPECT_LE(Stall(target(), *dialled->endpoint), 256 * kKiB);
}

TEST_P(FlowTest, AReaderThatIsBehindMakesNoWindowGrow) {
  Start();
  agent_->stall_new = true;
  auto dialled = Open("slow:80");
  dialled->endpoint->Send(std::string(kPlenty, 'x'));
  for (int i = 0; i < 50; ++i) {
    SendOverALongWay(target());
    target().held -= 64 * kKiB;
    target().connection->Delivered(64 * kKiB);
    ASSERT_LE(target().held, 256 * kKiB);
  }
}

TEST_P(FlowTest, AnIdleConnectionGivesUpWhatItsWindowGrewBy) {
  const auto memory = std::make_shared<MemoryBudget>(1024 * 1024 * kKiB);
  SessionOptions options;
  options.memory = memory;
  Start(options);
  auto dialled = Open("web:80");
  dialled->endpoint->Send(std::string(kPlenty, 'x'));
  while (!dialled->endpoint->to_send.empty()) SendOverALongWay(target());
  pair_.Run();
  EXPECT_GT(dialled->endpoint->connection->send_window(), 1'000'000);
  EXPECT_GT(memory->promised(), 0);
  scheduler_.Advance(seconds(9));
  pair_.Run();
  EXPECT_GT(memory->promised(), 0);
  scheduler_.Advance(seconds(2));
  pair_.Run();
  EXPECT_LE(dialled->endpoint->connection->send_window(), static_cast<int64_t>(256 * kKiB));
  EXPECT_LE(Stall(target(), *dialled->endpoint), 256 * kKiB);
}

// Those who keep up shall not feel those who do not read.
TEST_P(FlowTest, WhileHalfOfTheMemoryIsTakenAWindowGrowsToAMegabyte) {
  const auto memory = std::make_shared<MemoryBudget>(100'000 * kKiB);
  MemoryCharge others(memory);
  others.Set(60'000 * kKiB);
  SessionOptions options;
  options.memory = memory;
  Start(options);
  auto dialled = Open("web:80");
  dialled->endpoint->Send(std::string(2 * kPlenty, 'x'));
  for (int i = 0; i < 5; ++i) SendOverALongWay(target());
  EXPECT_NEAR(SendOverALongWay(target()), 1024 * kKiB, 16 * kKiB);
  others.Set(80'000 * kKiB);
  for (int i = 0; i < 5; ++i) SendOverALongWay(target());
  EXPECT_LT(SendOverALongWay(target()), 256 * kKiB) << "too little is left for anybody";
}

TEST_P(FlowTest, AllWindowsTogetherGrowByHalfOfTheBudget) {
  const auto memory = std::make_shared<MemoryBudget>(4096 * kKiB);
  SessionOptions options;
  options.memory = memory;
  Start(options);
  std::vector<std::shared_ptr<Dialled>> dials;
  for (int i = 0; i < 8; ++i) {
    dials.push_back(Open("web:80"));
    dials.back()->endpoint->Send(std::string(kPlenty, 'x'));
  }
  for (int i = 0; i < 8; ++i) {
    SendOverALongWay(target());
    ASSERT_LE(memory->promised(), static_cast<int64_t>(2048 * kKiB));
  }
  EXPECT_GT(memory->promised(), static_cast<int64_t>(512 * kKiB));
  pair_.Lose(absl::UnavailableError("cable cut"));
  EXPECT_EQ(memory->promised(), 0);
}

// A loop has better things to do than to read packets that say nothing.
TEST_P(FlowTest, WindowsOfNoUseWithoutEndAreABreach) {
  wire::Packet packet;
  packet.set_type(wire::WINDOW);
  packet.mutable_window()->set_connect_id(1);
  packet.mutable_window()->set_bytes(1);
  EXPECT_TRUE(IsEndedBy(packet));
}

TEST_P(FlowTest, DemandsOfNoUseWithoutEndAreABreach) {
  wire::Packet packet;
  packet.set_type(wire::DEMAND);
  packet.mutable_demand()->set_connect_id(1);
  EXPECT_TRUE(IsEndedBy(packet));
}

TEST_P(FlowTest, EmptyDataWithoutEndIsABreach) {
  wire::Packet packet;
  packet.set_type(wire::DATA);
  packet.mutable_data()->set_connect_id(1);
  EXPECT_TRUE(IsEndedBy(packet));
}

TEST_P(FlowTest, GivingUpWindowThatOneDoesNotHaveResetsThatConnectionOnly) {
  Start();
  auto liar = Open("web:80");
  auto other = Open("web:81");
  wire::Packet packet;
  packet.set_type(wire::DEMAND);
  packet.mutable_demand()->set_connect_id(1);
  packet.mutable_demand()->set_unused(1024 * 1024);
  pair_.InjectToServer(packet.SerializeAsString());
  EXPECT_TRUE(liar->endpoint->closed);
  pair_.Run();
  EXPECT_FALSE(pair_.closed());
  EXPECT_FALSE(other->endpoint->closed);
}

TEST_P(FlowTest, ALackThatIsNoneChangesNothing) {
  Start();
  auto dialled = Open("web:80");
  wire::Packet packet;
  packet.set_type(wire::DEMAND);
  packet.mutable_demand()->set_connect_id(1);
  for (int i = 0; i < 100; ++i) pair_.InjectToClient(packet.SerializeAsString());
  pair_.Run();
  EXPECT_EQ(dialled->endpoint->connection->send_window(), static_cast<int64_t>(256 * kKiB));
}

TEST_P(FlowTest, WindowsOfPeersWithoutDemandStayAsTheyAre) {
  auto agent = std::make_unique<FakeAgent>(SessionOptions());
  auto hub = std::make_unique<FakeHub>(SessionOptions(), false);
  agent_ = agent.get();
  hub_ = hub.get();
  net::Metadata request;
  request.Add("hawser-features", "early,fin,reason,window");
  request.Add("hawser-window", "262144");
  pair_.Connect(std::move(agent), std::move(hub), request);
  pair_.Run();
  auto dialled = Open("web:80");
  dialled->endpoint->Send(std::string(kPlenty, 'x'));
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(SendOverALongWay(target()), 256 * kKiB, 16 * kKiB);
  EXPECT_EQ(hub_->counters().packets_to_peer[PacketKind(wire::DEMAND)], 0u);
}

TEST_P(FlowTest, TheSharedStreamsWindowHoldsNobodyBack) {
  Start();
  EXPECT_GE(pair_.window_of_server(), 32'000 * kKiB);
  EXPECT_GE(pair_.window_of_client(), 32'000 * kKiB);
}

TEST_P(FlowTest, WhoSendsLittleGoesAheadOfThoseWhoSendMuch) {
  Start();
  std::vector<std::shared_ptr<Dialled>> bulk;
  for (int i = 0; i < 32; ++i) bulk.push_back(Open("bulk:80"));
  auto sparse = Open("sparse:80");
  for (auto& dialled : bulk) dialled->endpoint->Send(std::string(200 * kKiB, 'b'));
  // At their first turn nobody knows how much they have.
  for (int i = 0; i < 10; ++i) pair_.Step();
  for (int i = 1; i <= 20; ++i) {
    sparse->endpoint->Send("k");
    pair_.Step();
    ASSERT_EQ(target(32).received.size(), i) << "it is to be in the very next batch";
  }
}

TEST_P(FlowTest, WhoSendsMuchIsNeverStarved) {
  Start();
  auto bulk = Open("bulk:80");
  std::vector<std::shared_ptr<Dialled>> sparse;
  for (int i = 0; i < 16; ++i) sparse.push_back(Open("sparse:80"));
  bulk->endpoint->Send(std::string(kPlenty, 'b'));
  pair_.Step();
  const size_t before = target(0).received.size();
  constexpr int kSteps = 40;
  for (int i = 0; i < kSteps; ++i) {
    for (auto& dialled : sparse)
      if (dialled->endpoint->to_send.empty()) dialled->endpoint->Send(std::string(8 * kKiB, 's'));
    pair_.Step();
  }
  // Of batches of 64 KiB.
  EXPECT_GT(target(0).received.size() - before, kSteps * 8 * kKiB);
}

TEST_P(FlowTest, FirstBytesOfADialDoNotGoAheadOfWaitingData) {
  Start();
  auto dialled = Open("web:80");
  EXPECT_EQ(hub_->early_limit(), kMaxEarlySent);
  pair_.pause_client(true);
  dialled->endpoint->Send("data");
  EXPECT_EQ(hub_->early_limit(), 0u);
  pair_.pause_client(false);
  pair_.Run();
  EXPECT_EQ(hub_->early_limit(), kMaxEarlySent);
}

TEST_P(FlowTest, FirstBytesOfDialsThatWaitAreFew) {
  Start();
  pair_.pause_client(true);
  size_t early = 0;
  for (int i = 0; i < 400; ++i) {
    const size_t limit = hub_->early_limit();
    early += limit;
    Dial("web:80", std::string(limit, 'e'));
  }
  EXPECT_LE(early, 16 * kKiB);
}

INSTANTIATE_TEST_SUITE_P(Peers, FlowTest, ::testing::Values(false));

TEST(StreamFlowTest, TheWindowOfAStreamGrowsWithItsReader) {
  testing::ManualScheduler scheduler;
  testing::StreamPair pair(scheduler);
  pair.set_round_trip(milliseconds(50));
  const auto memory = std::make_shared<MemoryBudget>(1024 * 1024 * kKiB);
  SessionOptions options;
  options.one_connection = true;
  options.memory = memory;
  auto front = std::make_unique<FakeAgent>(options);
  FakeAgent* const f = front.get();
  auto dialler = std::make_unique<DialingSession>(options);
  DialingSession* const d = dialler.get();
  net::Metadata request;
  dialler->OfferFeatures(request);
  pair.Connect(std::move(dialler), std::move(front), request);
  pair.Run();
  auto endpoint = std::make_shared<FakeEndpoint>();
  d->StartDial({"web:80", "", seconds(1)}, endpoint, [](const Failure*) {});
  pair.Run();
  for (int i = 0; i < 10; ++i) {
    scheduler.Advance(milliseconds(50));
    endpoint->Send(std::string(1'500'000, 'x'));
    pair.Run();
  }
  EXPECT_EQ(f->endpoints[0]->received.size(), 15'000'000u);
  EXPECT_GT(pair.window_of_server(), 1'000'000u);
  EXPECT_LE(pair.window_of_server(), 16u * 1024 * kKiB);
  EXPECT_GT(memory->promised(), 0);
  pair.Lose(absl::UnavailableError("cable cut"));
  EXPECT_EQ(memory->promised(), 0);
}

}  // namespace
}  // namespace hawser::tunnel
