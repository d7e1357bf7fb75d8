// Peers that ask and do not read, or send what asks for nothing: each is bounded, and loses its own
// session.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/testing/status_matchers.h"
#include "lib/tunnel/session_fixture.h"

namespace hawser::tunnel {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;

class SessionAbuseTest : public SessionTest {};

TEST_P(SessionAbuseTest, AnswersToDialsThatNobodyMadeEndTheSession) {
  Start();
  wire::Packet packet;
  packet.set_type(wire::DIAL_RSP);
  packet.mutable_dial_response()->set_random(4711);
  packet.mutable_dial_response()->set_connect_id(1);
  const std::string message = packet.SerializeAsString();
  pair_.pause_server(true);  // nor does it read what it is answered
  for (int i = 0; i < 100'000 && !pair_.closed(); ++i) pair_.InjectToServer(message);
  EXPECT_TRUE(pair_.closed());
}

TEST_P(SessionAbuseTest, LateAnswersToDialsOfOursCostNothing) {
  Start();
  for (int i = 0; i < 20'000; ++i) {
    pair_.pause_client(true);
    const auto dialled = Dial("web:80");
    pair_.Run();
    hub_->CancelDial(dialled->id);
    pair_.pause_client(false);
    pair_.Run();
    agent_->endpoints.clear();
    agent_->requests.clear();
    ASSERT_FALSE(pair_.closed()) << i << ": " << pair_.status();
  }
  EXPECT_EQ(hub_->counters().late_answers, 20'000u);
}

TEST_P(SessionAbuseTest, PacketsOfUnknownTypeAreIgnoredWithinABudget) {
  Start();
  wire::Packet packet;
  packet.set_type(static_cast<wire::PacketType>(99));
  const std::string message = packet.SerializeAsString();
  for (int i = 0; i < 1000; ++i) pair_.InjectToServer(message);
  EXPECT_FALSE(pair_.closed());
  for (int i = 0; i < 100'000 && !pair_.closed(); ++i) pair_.InjectToServer(message);
  EXPECT_TRUE(pair_.closed());
}

TEST_P(SessionAbuseTest, APeerThatTakesNothingForLongIsGivenUp) {
  SessionOptions options;
  options.max_pending_dials = SIZE_MAX;
  Start(options);
  agent_->hold = true;
  std::vector<DialingSession::DialId> dials;
  for (int i = 0; i < 40'000; ++i) dials.push_back(Dial("web:80")->id);
  pair_.Run();
  pair_.pause_server(true);
  for (const auto dial : dials) hub_->CancelDial(dial);
  EXPECT_FALSE(pair_.closed()) << "it may be busy";
  scheduler_.Advance(seconds(9));
  hub_->SendDrain();
  EXPECT_FALSE(pair_.closed());
  scheduler_.Advance(seconds(2));
  hub_->SendDrain();
  pair_.Run();
  EXPECT_TRUE(pair_.closed());
  EXPECT_THAT(std::string(pair_.status().message()), HasSubstr("asks but does not read"));
}

// As one that answers pings, and reads no more.
TEST_P(SessionAbuseTest, APeerThatTakesNoRequestForLongIsGivenUp) {
  Start();
  pair_.pause_server(true);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(pair_.closed()) << "it may be busy";
    Dial("web:80");
    scheduler_.Advance(seconds(10));
  }
  pair_.Run();
  EXPECT_TRUE(pair_.closed());
  EXPECT_THAT(std::string(pair_.status().message()), HasSubstr("takes no requests"));
}

TEST_P(SessionAbuseTest, DialsThatAreGivenUpBeforeTheyAreSentLeaveNothing) {
  const auto memory = std::make_shared<MemoryBudget>(64 * 1024 * 1024);
  SessionOptions options;
  options.memory = memory;
  Start(options);
  pair_.pause_server(true);  // the agent reads nothing, or its link is slow
  for (int i = 0; i < 100'000; ++i) {
    const auto dialled = Dial("web.default.svc:80");
    hub_->CancelDial(dialled->id);
  }
  EXPECT_EQ(memory->used(), 0u);
  const auto honest = Dial("web:80");
  EXPECT_GT(memory->used(), 0u);
  pair_.pause_server(false);
  pair_.Run();
  EXPECT_TRUE(honest->done);
  EXPECT_EQ(agent_->requests.size(), 1u);
  EXPECT_EQ(memory->used(), 0u);
}

// What is given up while others still have to be told is counted once.
TEST_P(SessionAbuseTest, UnsentDialsOfALostSessionGiveTheirMemoryBackOnce) {
  const auto memory = std::make_shared<MemoryBudget>(64 * 1024 * 1024);
  SessionOptions options;
  options.memory = memory;
  Start(options);
  pair_.pause_server(true);
  std::vector<std::shared_ptr<Dialled>> dials;
  for (int i = 0; i < 30; ++i) dials.push_back(Dial("web.default.svc:80"));
  const uint64_t before = memory->used();
  const absl::Status lost = absl::UnavailableError("cable cut");
  EXPECT_FALSE(hub_->EndSome(lost));
  EXPECT_LT(memory->used(), before);
  for (size_t n = 0; n < 15; ++n) hub_->CancelDial(dials[n]->id);
  EXPECT_LE(memory->used(), before / 2);
  scheduler_.Advance(seconds(10));
  EXPECT_EQ(hub_->pending_dials(), 0u);
  EXPECT_LT(memory->used(), before);
  pair_.Lose(lost);
  EXPECT_EQ(memory->used(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Peers, SessionAbuseTest, ::testing::Bool(),
                         [](const auto& instance) { return instance.param ? "plain" : "ours"; });

class UnreadFrontEndTest : public ::testing::Test {
 protected:
  UnreadFrontEndTest() {
    SessionOptions options;
    options.one_connection = true;
    options.memory = memory_;
    auto front = std::make_unique<FakeAgent>(options);
    front_ = front.get();
    front_->hold = true;
    pair_.Connect(std::make_unique<DialingSession>(options), std::move(front), {});
    pair_.Run();
    pair_.pause_server(true);  // the client reads nothing
  }
  void Ask(const wire::Packet& packet) { pair_.InjectToServer(packet.SerializeAsString()); }

  std::shared_ptr<MemoryBudget> memory_ = std::make_shared<MemoryBudget>(64 * 1024 * 1024);
  testing::ManualScheduler scheduler_;
  testing::StreamPair pair_{scheduler_};
  FakeAgent* front_;
};

TEST_F(UnreadFrontEndTest, ASecondDialEndsTheStreamWithoutAnAnswer) {
  wire::Packet packet;
  packet.set_type(wire::DIAL_REQ);
  packet.mutable_dial_request()->set_address("web:80");
  packet.mutable_dial_request()->set_random(7);
  Ask(packet);
  EXPECT_EQ(front_->requests.size(), 1u);
  packet.mutable_dial_request()->set_random(8);
  Ask(packet);
  EXPECT_EQ(memory_->used(), 0u);
  EXPECT_THAT(pair_.status(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("second")));
}

TEST_F(UnreadFrontEndTest, SoDoesOneAfterADialThatIsGivenUp) {
  wire::Packet dial, give_up;
  dial.set_type(wire::DIAL_REQ);
  dial.mutable_dial_request()->set_address("web:80");
  dial.mutable_dial_request()->set_random(7);
  Ask(dial);
  give_up.set_type(wire::DIAL_CLS);
  give_up.mutable_close_dial()->set_random(7);
  Ask(give_up);
  EXPECT_EQ(front_->cancelled.size(), 1u);
  dial.mutable_dial_request()->set_random(8);
  Ask(dial);
  EXPECT_THAT(pair_.status(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("second")));
}

TEST_F(UnreadFrontEndTest, AnswersAreChargedAndBounded) {
  wire::Packet packet;
  packet.set_type(wire::CLOSE_REQ);
  packet.mutable_close_request()->set_connect_id(1);
  uint64_t most = 0;
  for (int i = 0; i < 100'000 && !pair_.closed(); ++i) {
    Ask(packet);
    most = std::max(most, memory_->used());
    pair_.Run();
  }
  EXPECT_TRUE(pair_.closed());
  EXPECT_THAT(std::string(pair_.status().message()), HasSubstr("asks but does not read"));
  EXPECT_GT(most, 1024u);
  EXPECT_LE(most, 32u * 1024);
  EXPECT_EQ(memory_->used(), 0u) << "given back";
}

}  // namespace
}  // namespace hawser::tunnel
