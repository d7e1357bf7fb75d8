#include "hub/control_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "lib/net/message_stream.h"
#include "lib/testing/status_matchers.h"

namespace hawser::hub {
namespace {

using List = ControlLists::List;
using absl::StatusCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

// One cluster and two sessions, which take a while on the test's clock.
class SlowSource final : public control::StateSource {
 public:
  std::vector<control::Cluster> Clusters() override {
    now += cost;
    control::Cluster paris;
    paris.set_name("paris");
    paris.set_agents(++asked);
    return {paris};
  }
  std::vector<control::Session> Sessions() override {
    now += cost;
    control::Session paris, tokyo;
    paris.set_cluster("paris");
    tokyo.set_cluster("tokyo");
    paris.set_connections(++asked);
    return {paris, tokyo};
  }
  void Subscribe(std::function<void()>) override {}
  void Unsubscribe() override {}

  base::Time now{std::chrono::hours(1)};
  base::Duration cost{0};
  int asked = 0;
};

class ControlListsTest : public ::testing::Test {
 protected:
  ControlLists::Answer Get(const ControlLists::Request& request) {
    std::promise<ControlLists::Answer> answer;
    auto permit = lists_.Admit("client/alice");
    EXPECT_THAT(permit, IsOk());
    lists_.Get(request, *std::move(permit),
               [&](ControlLists::Answer value) { answer.set_value(std::move(value)); });
    return answer.get_future().get();
  }
  template <typename Response>
  Response Parsed(const ControlLists::Request& request) {
    const auto answer = Get(request);
    EXPECT_THAT(answer, IsOk());
    Response response;
    const std::string message = (*answer)->substr(net::MessageBatch::kPrefix);
    EXPECT_EQ(**answer, net::FramedMessage(message));
    EXPECT_TRUE(response.ParseFromString(message));
    return response;
  }
  uint32_t Agents() {
    return Parsed<control::GetClustersResponse>({List::kClusters, ""}).clusters(0).agents();
  }

  SlowSource source_;
  ControlLists lists_{source_, [this] { return source_.now; }};
};

TEST_F(ControlListsTest, Clusters) {
  const auto response = Parsed<control::GetClustersResponse>({List::kClusters, ""});
  ASSERT_EQ(response.clusters_size(), 1);
  EXPECT_EQ(response.clusters(0).name(), "paris");
}

TEST_F(ControlListsTest, SessionsOfAllOrOneOrNone) {
  const auto count = [this](const std::string& cluster) {
    return Parsed<control::GetSessionsResponse>({List::kSessions, cluster}).sessions_size();
  };
  EXPECT_EQ(count(""), 2);
  EXPECT_EQ(count("tokyo"), 1);
  EXPECT_EQ(count("osaka"), 0);
}

TEST_F(ControlListsTest, AListThatTookLongIsUsedAgain) {
  source_.cost = milliseconds(10);
  EXPECT_EQ(Agents(), 1);
  source_.now += milliseconds(89);
  EXPECT_EQ(Agents(), 1);
  source_.now += milliseconds(1);
  EXPECT_EQ(Agents(), 2);
  // Even if it took very long, not for longer than a second.
  source_.now += seconds(1);
  source_.cost = seconds(5);
  EXPECT_EQ(Agents(), 3);
  source_.now += seconds(1);
  EXPECT_EQ(Agents(), 4);
}

TEST_F(ControlListsTest, AListThatTookNoTimeIsFresh) {
  EXPECT_EQ(Agents(), 1);
  EXPECT_EQ(Agents(), 2);
}

TEST_F(ControlListsTest, SessionsAreUsedAgainWhicheverClusterIsAskedFor) {
  source_.cost = milliseconds(10);
  const auto first = Parsed<control::GetSessionsResponse>({List::kSessions, "tokyo"});
  const auto second = Parsed<control::GetSessionsResponse>({List::kSessions, "paris"});
  EXPECT_EQ(source_.asked, 1);
  EXPECT_EQ(second.sessions(0).connections(), 1);
}

TEST_F(ControlListsTest, NobodyTakesAllPlaces) {
  std::vector<std::shared_ptr<ControlLists::Permit>> permits;
  const auto take = [&](const std::string& identity) {
    auto permit = lists_.Admit(identity);
    if (permit.ok()) permits.push_back(*std::move(permit));
    return permit.status();
  };
  for (size_t i = 0; i < ControlLists::kMaxCallsOfOne; ++i)
    EXPECT_THAT(take("client/alice"), IsOk());
  EXPECT_THAT(take("client/alice"),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("too many lists")));
  EXPECT_THAT(take("client/bob"), IsOk());
  permits.erase(permits.begin());
  EXPECT_THAT(take("client/alice"), IsOk());
  while (permits.size() < ControlLists::kMaxCalls)
    EXPECT_THAT(take("client/" + std::to_string(permits.size())), IsOk());
  EXPECT_THAT(take("client/carol"),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("too many lists")));
}

TEST_F(ControlListsTest, NothingIsMadeOnceItStopped) {
  lists_.Stop();
  EXPECT_THAT(Get({List::kClusters, ""}),
              StatusIs(StatusCode::kUnavailable, HasSubstr("stopping")));
  EXPECT_EQ(source_.asked, 0);
}

}  // namespace
}  // namespace hawser::hub
