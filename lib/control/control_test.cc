// The control API over a real Unix socket: our client, gRPC's health and reflection clients.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "lib/control/client.h"
#include "lib/control/fake_state_source.h"
#include "lib/control/server.h"
#include "lib/testing/status_matchers.h"

namespace hawser::control {
namespace {

using ::hawser::testing::IsOkAndHolds;
using ::hawser::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Cluster MakeCluster(const std::string& name, uint32_t agents) {
  Cluster cluster;
  cluster.set_name(name);
  cluster.set_agents(agents);
  cluster.set_state(READY);
  return cluster;
}

std::string Describe(const ClusterEvent& event) {
  return ClusterEvent::Type_Name(event.type()) + " " + event.cluster().name() + " " +
         std::to_string(event.cluster().agents());
}

class ControlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "control.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ / "control.sock";
    address_ = "unix:" + path_.string();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Start() {
    auto server = Server::Start(address_, source_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  Client MakeClient() {
    auto client = Client::Make(address_);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  std::filesystem::path directory_;
  std::filesystem::path path_;
  std::string address_;
  FakeStateSource source_;
  std::unique_ptr<Server> server_;
};

TEST_F(ControlTest, ListsClustersAndSessions) {
  source_.SetClusters({MakeCluster("paris", 2), MakeCluster("tokyo", 1)});
  Session paris;
  paris.set_id("1");
  paris.set_cluster("paris");
  Session tokyo;
  tokyo.set_id("2");
  tokyo.set_cluster("tokyo");
  source_.SetSessions({paris, tokyo});
  Start();
  Client client = MakeClient();

  const auto clusters = client.GetClusters();
  ASSERT_TRUE(clusters.ok()) << clusters.status();
  ASSERT_EQ(clusters->clusters_size(), 2);
  EXPECT_EQ(clusters->clusters(0).name(), "paris");
  EXPECT_EQ(clusters->clusters(0).agents(), 2);

  const auto all = client.GetSessions("");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->sessions_size(), 2);
  const auto one = client.GetSessions("tokyo");
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_EQ(one->sessions_size(), 1);
  EXPECT_EQ(one->sessions(0).id(), "2");
}

TEST_F(ControlTest, WatchTellsTheBeginningAndEveryChange) {
  source_.SetClusters({MakeCluster("paris", 1), MakeCluster("tokyo", 1)});
  Start();
  Client client = MakeClient();
  std::vector<std::string> events;
  const absl::Status status = client.WatchClusters([&](const ClusterEvent& event) {
    events.push_back(Describe(event));
    if (event.type() == ClusterEvent::SYNCED)
      source_.SetClusters({MakeCluster("oslo", 1), MakeCluster("paris", 2)});
    return events.size() < 6;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(events, ElementsAre("ADDED paris 1", "ADDED tokyo 1", "SYNCED  0", "DELETED tokyo 1",
                                  "ADDED oslo 1", "MODIFIED paris 2"));
}

TEST_F(ControlTest, AStormOfChangesTakesFewSnapshots) {
  constexpr int kChanges = 1000;
  source_.SetClusters({MakeCluster("paris", 1)});
  Start();
  Client client = MakeClient();
  std::string last;
  const absl::Status status = client.WatchClusters([&](const ClusterEvent& event) {
    last = Describe(event);
    if (event.type() == ClusterEvent::SYNCED)
      for (int i = 1; i <= kChanges; ++i) source_.SetClusters({MakeCluster("paris", 1 + i)});
    return last != "MODIFIED paris " + std::to_string(1 + kChanges);
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_LT(source_.all_snapshots(), kChanges / 10);
}

TEST_F(ControlTest, ANewRoundTripAloneIsNoEvent) {
  source_.SetClusters({MakeCluster("paris", 1)});
  Start();
  Client client = MakeClient();
  std::vector<std::string> events;
  const absl::Status status = client.WatchClusters([&](const ClusterEvent& event) {
    events.push_back(Describe(event));
    if (event.type() == ClusterEvent::SYNCED) {
      Cluster measured = MakeCluster("paris", 1);
      measured.mutable_round_trip()->set_nanos(1);
      source_.SetClusters({measured});
      source_.AwaitSnapshot();
      source_.SetClusters({MakeCluster("paris", 3)});
    }
    return events.size() < 3;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(events, ElementsAre("ADDED paris 1", "SYNCED  0", "MODIFIED paris 3"));
}

TEST_F(ControlTest, StoppingEndsWatches) {
  Start();
  Client client = MakeClient();
  std::promise<void> synced;
  std::future<absl::Status> watch = std::async(std::launch::async, [&] {
    return client.WatchClusters([&](const ClusterEvent&) {
      synced.set_value();
      return true;
    });
  });
  synced.get_future().wait();
  server_.reset();
  EXPECT_THAT(watch.get(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("hub is stopping")));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ControlTest, RefusesOneWatchTooMany) {
  Start();
  constexpr int kMaxWatches = 16;
  Client client = MakeClient();
  std::vector<std::future<absl::Status>> watches;
  for (int i = 0; i < kMaxWatches; ++i) {
    std::promise<void> synced;
    std::future<void> ready = synced.get_future();
    watches.push_back(
        std::async(std::launch::async, [&client, synced = std::move(synced)]() mutable {
          return client.WatchClusters([&](const ClusterEvent&) {
            synced.set_value();
            return true;
          });
        }));
    ready.wait();
  }
  EXPECT_THAT(client.WatchClusters([](const ClusterEvent&) { return true; }),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("16 watches")));
  // Calls still have threads.
  EXPECT_TRUE(client.GetClusters().ok());
  server_.reset();
  for (auto& watch : watches) watch.wait();
}

TEST_F(ControlTest, SocketIsForItsOwnerOnly) {
  Start();
  struct stat socket;
  ASSERT_EQ(stat(path_.c_str(), &socket), 0);
  EXPECT_EQ(socket.st_mode & 0777, 0600);
}

TEST_F(ControlTest, RefusesALiveSocketAndReplacesADeadOne) {
  Start();
  FakeStateSource other;
  EXPECT_THAT(Server::Start(address_, other).status(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("another process serves it")));
  EXPECT_TRUE(MakeClient().GetClusters().ok());

  // What a killed hub leaves behind: a name that nobody listens on.
  const std::filesystem::path kept = directory_ / "kept";
  std::filesystem::create_hard_link(path_, kept);
  server_.reset();
  std::filesystem::rename(kept, path_);
  EXPECT_THAT(MakeClient().GetClusters().status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(path_.string())));
  Start();
  EXPECT_TRUE(MakeClient().GetClusters().ok());
}

TEST_F(ControlTest, SaysThatNoHubListens) {
  const std::string why = ": is proxy-server running?";
  EXPECT_THAT(MakeClient().GetClusters().status(),
              StatusIs(absl::StatusCode::kUnavailable, "no hub listens at " + address_ + why));
  std::string free;
  {
    const auto server = Server::Start("127.0.0.1:0", source_);
    ASSERT_TRUE(server.ok()) << server.status();
    free = (*server)->address();
  }
  auto client = Client::Make(free);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_THAT(client->GetClusters().status(),
              StatusIs(absl::StatusCode::kUnavailable, "no hub listens at " + free + why));
  // What else is wrong with a socket is in the system's words.
  ASSERT_EQ(symlink(path_.c_str(), path_.c_str()), 0);
  EXPECT_THAT(MakeClient().GetClusters().status(),
              StatusIs(absl::StatusCode::kUnavailable,
                       ::testing::StartsWith("control API at " + address_ + ": failed to")));
}

TEST_F(ControlTest, RefusesAFileInItsPlace) {
  ASSERT_EQ(symlink("/nowhere", path_.c_str()), 0);
  EXPECT_THAT(Server::Start(address_, source_).status(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("no socket")));
}

TEST_F(ControlTest, ServesLoopbackOnAFreePort) {
  const auto server = Server::Start("127.0.0.1:0", source_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT((*server)->address(), ::testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  EXPECT_THAT(Server::Start((*server)->address(), source_).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr((*server)->address())));
  auto client = Client::Make((*server)->address());
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE(client->GetClusters().ok());
}

TEST_F(ControlTest, RefusesAddressesThatOthersCouldReach) {
  for (const std::string address :
       {"0.0.0.0:1", "10.0.0.1:1", "localhost:1", "unix:", "", "127.0.0.1:", "127.0.0.1:65536",
        "127.0.0.1:1x", "[::]:1", "dns:///127.0.0.1:1"}) {
    EXPECT_THAT(Server::Start(address, source_).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(address)));
    EXPECT_FALSE(Client::Make(address).ok()) << address;
  }
}

// A call with raw messages: no package ships the descriptions of gRPC's standard services.
absl::StatusOr<std::string> Call(const std::string& address, const std::string& method,
                                 const std::string& request) {
  grpc::GenericStub stub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  if (!next()) return absl::UnavailableError("start of " + method);
  const grpc::Slice slice(request);
  call->WriteLast(grpc::ByteBuffer(&slice, 1), {}, nullptr);
  if (!next()) return absl::UnavailableError("write of " + method);
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  if (!next()) return absl::UnavailableError("read of " + method);
  grpc::Slice answer;
  if (!response.DumpToSingleSlice(&answer).ok()) return absl::InternalError("slices");
  grpc::Status status;
  call->Finish(&status, nullptr);
  next();
  if (!status.ok()) return absl::UnknownError(status.error_message());
  return std::string(reinterpret_cast<const char*>(answer.begin()), answer.size());
}

TEST_F(ControlTest, AnswersHealth) {
  Start();
  // HealthCheckResponse{status: SERVING}
  EXPECT_THAT(Call(address_, "/grpc.health.v1.Health/Check", ""), IsOkAndHolds("\x08\x01"));
}

TEST_F(ControlTest, AnswersReflection) {
  Start();
  // ServerReflectionRequest{list_services: ""}
  const std::string list("\x3a\x00", 2);
  const std::string method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  EXPECT_THAT(Call(address_, method, list), IsOkAndHolds(HasSubstr("hawser.control.Control")));
}

}  // namespace
}  // namespace hawser::control
