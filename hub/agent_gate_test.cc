#include "hub/agent_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "lib/testing/manual_scheduler.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/stream_pair.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

// Answers when the test says so.
class SlowAuthenticator final : public TokenAuthenticator {
 public:
  void Authenticate(const std::string& token, Done done) override {
    tokens.push_back(token);
    waiting.push_back(std::move(done));
  }
  std::vector<std::string> tokens;
  std::vector<Done> waiting;
};

// Writes down what it is told.
class Recorder final : public net::StreamHandler {
 public:
  enum Side { kAgent, kHub };
  Recorder(Side side, std::vector<std::string>& events) : side_(side), events_(events) {}
  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override {
    events_.push_back("open " + headers.Get("agentid"));
    if (side_ == kHub) stream.SendHeaders({});
  }
  void OnHeaders(const net::Metadata&) override {}
  void Produce(net::MessageBatch&) override {}
  absl::Status OnMessageStart(size_t) override {
    events_.push_back("message");
    return absl::OkStatus();
  }
  absl::Status OnMessageBytes(std::span<const uint8_t>) override { return absl::OkStatus(); }
  void OnRemoteEnd(const absl::Status&) override {}
  void OnClosed(const absl::Status&) override { events_.push_back("closed"); }

 private:
  const Side side_;
  std::vector<std::string>& events_;
};

class AgentGateTest : public ::testing::Test {
 protected:
  void Open(const std::string& authorization) {
    net::Metadata request;
    request.Add("agentid", "a1");
    if (!authorization.empty()) request.Add("authorization", authorization);
    AgentGate::Ways ways;
    ways.open = [this] { return std::make_unique<Recorder>(Recorder::kHub, session_); };
    ways.refuse = [this](const absl::Status& verdict) {
      refused_ = verdict;
      return verdict;
    };
    pair_.Connect(
        std::make_unique<Recorder>(Recorder::kAgent, agent_),
        std::make_unique<AgentGate>(authenticator_, BearerToken(request), std::move(ways)),
        request);
    pair_.Run();
  }
  void Answer(const absl::Status& verdict) {
    authenticator_.waiting.at(0)(verdict);
    pair_.Run();
  }

  testing::ManualScheduler scheduler_;
  SlowAuthenticator authenticator_;
  std::vector<std::string> session_, agent_;
  absl::Status refused_;
  testing::StreamPair pair_{scheduler_};
};

TEST_F(AgentGateTest, ASessionBeginsWithTheAnswer) {
  Open("Bearer t0k3n");
  EXPECT_THAT(authenticator_.tokens, ElementsAre("t0k3n"));
  EXPECT_TRUE(session_.empty());
  Answer(absl::OkStatus());
  EXPECT_THAT(session_, ElementsAre("open a1"));
  pair_.InjectToServer("packet");
  pair_.Lose(absl::UnavailableError("gone"));
  EXPECT_THAT(session_, ElementsAre("open a1", "message", "closed"));
  EXPECT_THAT(refused_, IsOk());
}

TEST_F(AgentGateTest, ADeniedAgentIsToldWhy) {
  Open("bearer t0k3n");
  Answer(absl::PermissionDeniedError("no such agent"));
  EXPECT_THAT(refused_, StatusIs(StatusCode::kPermissionDenied, "no such agent"));
  EXPECT_THAT(pair_.status(), StatusIs(StatusCode::kPermissionDenied, "no such agent"));
  EXPECT_TRUE(session_.empty());
}

TEST_F(AgentGateTest, NoTokenIsNoEntry) {
  for (const char* authorization : {"", "Bearer ", "Basic dTpw", "t0k3n"}) {
    net::Metadata request;
    request.Add("authorization", authorization);
    EXPECT_EQ(BearerToken(request), "") << authorization;
  }
  Open("");
  EXPECT_THAT(refused_, StatusIs(StatusCode::kUnauthenticated, HasSubstr("no token")));
  EXPECT_TRUE(authenticator_.tokens.empty());
}

TEST_F(AgentGateTest, AnAnswerThatDoesNotComeIsARefusal) {
  Open("Bearer t0k3n");
  scheduler_.Advance(TokenAuthenticator::kTimeout);
  pair_.Run();
  EXPECT_THAT(refused_, StatusIs(StatusCode::kUnavailable, HasSubstr("in time")));
  Answer(absl::OkStatus());
  EXPECT_TRUE(session_.empty()) << "too late";
}

TEST_F(AgentGateTest, AnAnswerForALostStreamIsForNobody) {
  Open("Bearer t0k3n");
  pair_.Lose(absl::UnavailableError("gone"));
  Answer(absl::OkStatus());
  EXPECT_TRUE(session_.empty());
  EXPECT_THAT(refused_, IsOk());
}

TEST_F(AgentGateTest, NothingIsTakenBeforeTheAnswer) {
  Open("Bearer t0k3n");
  pair_.InjectToServer("packet");
  pair_.Run();
  EXPECT_THAT(pair_.status(), StatusIs(StatusCode::kInvalidArgument, HasSubstr("not let in")));
  EXPECT_TRUE(session_.empty());
}

}  // namespace
}  // namespace hawser::hub
