// The control API's lists on the gRPC front end, asked for by a client on another HTTP/2 stack.
#include <atomic>
#include <fstream>
#include <iterator>

#include "hub/test_hub.h"
#include "lib/control/client.h"
#include "lib/control/fake_state_source.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

class HubControlTest : public HubTest {
 protected:
  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  control::Client Lists(const net::TlsFiles& files) {
    return control::Client::ForFrontEnd(
        "127.0.0.1:" + std::to_string(PortOf("grpc")),
        control::Client::Tls{Read(files.ca), Read(files.certificate), Read(files.key)});
  }
  control::Client SocketLists() {
    return control::Client::ForFrontEnd("unix:" + folder_ + "/grpc.sock", std::nullopt);
  }
};

TEST_F(HubControlTest, ClustersAndSessionsOverTls) {
  StartHub();
  const auto first = StartAgent("paris", "1"), second = StartAgent("paris", "2");
  const auto tokyo = StartAgent("tokyo", "3");
  control::Client lists = Lists(certificates_.Client("alice"));
  const auto clusters = lists.GetClusters();
  ASSERT_THAT(clusters, IsOk());
  ASSERT_EQ(clusters->clusters_size(), 2);
  EXPECT_EQ(clusters->clusters(0).name(), "paris");
  EXPECT_EQ(clusters->clusters(0).agents(), 2);
  EXPECT_EQ(clusters->clusters(1).name(), "tokyo");
  const auto sessions = lists.GetSessions("tokyo");
  ASSERT_THAT(sessions, IsOk());
  ASSERT_EQ(sessions->sessions_size(), 1);
  EXPECT_EQ(sessions->sessions(0).agent_id(), "3");
}

TEST_F(HubControlTest, OnlyClientsAreAnswered) {
  StartHub();
  EXPECT_THAT(Lists(certificates_.Agent("paris")).GetClusters(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("hub at 127.0.0.1:")));
}

TEST_F(HubControlTest, AWatchIsRefused) {
  StartHub();
  EXPECT_THAT(SocketLists().WatchClusters([](const auto&) { return true; }),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("hub at unix:")));
}

TEST_F(HubControlTest, ALongRequestCostsItsConnectionOnly) {
  StartHub();
  const auto paris = StartAgent("paris");
  TestClient other(GrpcSocket());
  const auto tunnel = other.Dial("echo.paris:7");
  ASSERT_EQ(tunnel->Dialled(), std::nullopt);
  EXPECT_THAT(SocketLists().GetSessions(std::string(5'000, 'a')).status(), ::testing::Not(IsOk()));
  tunnel->Send("still here");
  EXPECT_TRUE(tunnel->AwaitReceived("still here"));
}

TEST_F(HubControlTest, ManyAskAtTheSameTimeAndSomeAreTurnedAway) {
  StartHub();
  const auto paris = StartAgent("paris");
  std::atomic<int> answered = 0, refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&] {
      control::Client lists = SocketLists();
      for (int j = 0; j < 20; ++j) {
        const auto clusters = lists.GetClusters();
        if (clusters.ok()) {
          EXPECT_EQ(clusters->clusters_size(), 1);
          ++answered;
        } else {
          EXPECT_THAT(clusters.status(),
                      StatusIs(StatusCode::kResourceExhausted, HasSubstr("too many lists")));
          ++refused;
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(answered, 0);
  EXPECT_EQ(answered + refused, 16 * 20);
}

// Longer than frames, batches and HTTP/2 windows.
TEST(GrpcFront, AListMayBeLong) {
  constexpr int kClusters = 100'000;
  std::string folder = std::filesystem::temp_directory_path() / "front.XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  control::FakeStateSource source;
  std::vector<control::Cluster> clusters(kClusters);
  for (int i = 0; i < kClusters; ++i) clusters[i].set_name("cluster-" + std::to_string(i));
  source.SetClusters(clusters);
  SessionRegistry registry({tunnel::Strategy::kDefault}, {}, {.pending_dials = 1});
  ConnectionLimits limits({.per_address = 1, .per_identity = 1, .per_cluster = 1, .front_ends = 1});
  Shards shards;
  shards.push_back(std::make_unique<Shard>());
  Credentials credentials{DenyList()};
  ControlLists lists(source);
  MemoryShares memory({.total = 64 << 20, .per_identity = 16 << 20});
  GrpcFront front(
      {.socket = {.port = Port::kGrpc, .unix_path = folder + "/grpc.sock", .memory = &memory}},
      shards, limits, credentials, registry, lists);
  ASSERT_THAT(front.Listen(), IsOk());
  shards[0]->Start();
  front.Start();
  const auto listed =
      control::Client::ForFrontEnd("unix:" + folder + "/grpc.sock", std::nullopt).GetClusters();
  front.Stop();
  front.Close();
  shards[0]->Stop();
  std::filesystem::remove_all(folder);
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->clusters_size(), kClusters);
  EXPECT_EQ(listed->clusters(kClusters - 1).name(), "cluster-99999");
}

}  // namespace
}  // namespace hawser::hub
