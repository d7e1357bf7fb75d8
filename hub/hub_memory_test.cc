// What clients' connections cost the hub before anything is queued for them.
#include <fstream>
#include <string>

#include "hub/test_hub.h"
#include "lib/base/read_file.h"

namespace hawser::hub {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;

const std::string kInUse = "hawser_resource_in_use{resource=\"connection_bytes\"} ";
using ::testing::StartsWith;

class HubMemoryTest : public HubTest {
 protected:
  void StartHubWithShare(uint64_t bytes) {
    Options options = DefaultOptions();
    options.limits.connection_bytes_per_identity = bytes;
    StartHub(options);
  }
};

TEST_F(HubMemoryTest, AClientHasAsManyConnectionsAsItsMemoryHolds) {
  StartHubWithShare(480 * 1024);
  const auto paris = StartAgent("paris");
  const net::TlsFiles ann = certificates_.Client("ann"), bob = certificates_.Client("bob");
  std::vector<std::unique_ptr<RawClient>> open;
  std::string refusal;
  while (refusal.empty() && open.size() < 100) {
    auto client = std::make_unique<RawClient>(PortOf("http-connect"), ann, "");
    refusal = Connect(*client, "echo.paris:7");
    if (refusal != kEstablished) break;
    refusal.clear();
    open.push_back(std::move(client));
  }
  EXPECT_EQ(open.size(), 13u) << "32 KiB each, up to nine tenths";
  EXPECT_THAT(refusal, AllOf(StartsWith("HTTP/1.1 503"),
                             HasSubstr("this client has as many connections as it may")));
  EXPECT_TRUE(
      AwaitMetric("hawser_refusals_total{resource=\"connection_bytes\",limit=\"identity\"} 1"));
  {
    // Those who never ask have an end, too.
    std::vector<std::unique_ptr<RawClient>> silent;
    for (int i = 0; i < 40; ++i)
      silent.push_back(std::make_unique<RawClient>(PortOf("http-connect"), ann, ""));
    EXPECT_EQ(silent.back()->ReadToEnd(), "");
    RawClient other(PortOf("http-connect"), bob, "");
    EXPECT_EQ(Connect(other, "echo.paris:7"), kEstablished);
  }
  open.clear();
  EXPECT_TRUE(AwaitMetric(kInUse + "0\n"));
  RawClient again(PortOf("http-connect"), ann, "");
  EXPECT_EQ(Connect(again, "echo.paris:7"), kEstablished);
}

TEST_F(HubMemoryTest, NeitherAgentsNorUnixSocketsPay) {
  StartHubWithShare(24 * 1024);
  const auto paris = StartAgent("paris"), tokyo = StartAgent("tokyo");
  std::vector<std::unique_ptr<RawClient>> open;
  for (int i = 0; i < 50; ++i) {
    open.push_back(std::make_unique<RawClient>(folder_ + "/connect.sock"));
    ASSERT_EQ(Connect(*open.back(), "echo.paris:7"), kEstablished);
  }
  TestClient grpc(GrpcSocket());
  ASSERT_THAT(grpc.Connected(), IsOk());
  EXPECT_EQ(grpc.Dial("echo.tokyo:7")->Dialled(), std::nullopt);
  EXPECT_TRUE(AwaitMetric(kInUse + "0\n"));
}

TEST_F(HubMemoryTest, WhatIsSaidBehindAPendingDialIsCharged) {
  StartHubWithShare(1024 * 1024);
  const auto paris = StartAgent("paris");
  RawClient client(folder_ + "/connect.sock");
  client.Send("CONNECT silent.paris:80 HTTP/1.1\r\n\r\n" + std::string(5000, 'x'));
  ASSERT_TRUE(paris->AwaitDials(1));
  EXPECT_TRUE(AwaitMetric("hawser_buffered_bytes 5000\n"));
}

TEST_F(HubMemoryTest, FirstBytesOfAPendingDialAreCharged) {
  StartHubWithShare(1024 * 1024);
  const auto paris = StartAgent("paris");
  TestClient client(GrpcSocket());
  ASSERT_THAT(client.Connected(), IsOk());
  const auto tunnel = client.Dial("silent.paris:80", std::string(2000, 'x'));
  ASSERT_TRUE(paris->AwaitDials(1));
  EXPECT_TRUE(AwaitMetric("hawser_buffered_bytes 2000\n"));
}

TEST_F(HubMemoryTest, CertificatesBeyondTheFirstCostMemory) {
  StartHubWithShare(1024 * 1024);
  net::TlsFiles ann = certificates_.Client("ann");
  std::string chain = *base::ReadFile(ann.certificate, 1 << 20);
  for (int i = 0; i < 3; ++i) chain += certificates_.clients().certificate().ToPem();
  ann.certificate += ".chain";
  std::ofstream(ann.certificate) << chain;
  RawClient client(PortOf("http-connect"), ann, "");
  EXPECT_TRUE(AwaitMetric(kInUse + "51200\n")) << "32 KiB, and 6 for each of three";
}

class UnusedStreamTest : public HubMemoryTest {
 protected:
  UnusedStreamTest() {
    Options options = DefaultOptions();
    options.limits.request_head_timeout = std::chrono::milliseconds(50);
    StartHub(options);
  }
};

TEST_F(UnusedStreamTest, EndsWhenItsDialIsGivenUp) {
  const auto paris = StartAgent("paris");
  TestClient client(GrpcSocket());
  ASSERT_THAT(client.Connected(), IsOk());
  const auto tunnel = client.Dial("silent.paris:80");
  ASSERT_TRUE(paris->AwaitDials(1));
  tunnel->CancelDial();
  EXPECT_THAT(tunnel->StreamEnded(), testing::StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(UnusedStreamTest, EndsAlthoughItsClientTakesNoEnd) {
  TestClient client(GrpcSocket(), {.stream_window = 0});
  ASSERT_THAT(client.Connected(), IsOk());
  EXPECT_THAT(client.Dial("")->StreamEnded(), testing::StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(UnusedStreamTest, EndsAlone) {
  const auto paris = StartAgent("paris");
  TestClient client(GrpcSocket());
  ASSERT_THAT(client.Connected(), IsOk());
  const auto tunnel = client.Dial("echo.paris:7");
  EXPECT_EQ(tunnel->Dialled(), std::nullopt);
  EXPECT_THAT(client.Dial("")->StreamEnded(),
              testing::StatusIs(absl::StatusCode::kDeadlineExceeded, "no dial came in time"));
  tunnel->Send("still here");
  EXPECT_TRUE(tunnel->AwaitReceived("still here"));
}

// Until a dial of hers is refused, on each front end, ann opens another download that she does not
// read: those that stall are reset after a while.
TEST_F(HubMemoryTest, AClientWhoseBytesPileUpDialsNoMore) {
  Options options = DefaultOptions();
  options.limits.buffered_bytes_per_identity = 1024 * 1024;
  options.limits.first_window = options.limits.max_window;  // a quarter of that
  StartHub(options);
  const auto paris = StartAgent("paris");
  const net::TlsFiles files = certificates_.Client("ann");
  const std::string refused =
      "hawser_refusals_total{resource=\"buffered_bytes\",limit=\"identity\"} ";
  ASSERT_TRUE(AwaitMetric(refused + "0\n"));
  const std::string why =
      "too many bytes are queued for connections of this client "
      "(--max-buffered-bytes-per-identity)";
  std::vector<std::unique_ptr<RawClient>> unread;
  int refusals = 0;
  const auto download = [&] {
    unread.push_back(std::make_unique<RawClient>(PortOf("http-connect"), files, ""));
    const std::string answer = Connect(*unread.back(), "echo.paris:7");
    if (answer == kEstablished) {
      unread.back()->Send(std::string(1'000'000, 'x'));
      return;
    }
    ++refusals;
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 503"), HasSubstr(why)));
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto in_time = [&] {
    return unread.size() < 100 && std::chrono::steady_clock::now() < deadline;
  };
  while (refusals == 0 && in_time()) download();
  EXPECT_EQ(refusals, 1);

  TestClient ann(GrpcPort(files));
  ASSERT_THAT(ann.Connected(), IsOk());
  std::optional<tunnel::Failure> failure = ann.Dial("echo.paris:7")->Dialled();
  for (; !failure && in_time(); failure = ann.Dial("echo.paris:7")->Dialled()) download();
  ASSERT_TRUE(failure);
  EXPECT_EQ(*failure, (tunnel::Failure{tunnel::Reason::kOverloaded, tunnel::Hop::kHub, why}));
  EXPECT_TRUE(AwaitMetric(refused + std::to_string(refusals + 1) + "\n"));

  // It is nobody else's concern.
  const net::TlsFiles others = certificates_.Client("bob");
  RawClient connect(PortOf("http-connect"), others, "");
  EXPECT_EQ(Connect(connect, "echo.paris:7"), kEstablished);
  TestClient grpc(GrpcPort(others));
  ASSERT_THAT(grpc.Connected(), IsOk());
  EXPECT_EQ(grpc.Dial("echo.paris:7")->Dialled(), std::nullopt);
  EXPECT_TRUE(
      AwaitMetric("hawser_refusals_total{resource=\"buffered_bytes\",limit=\"total\"} 0\n"));

  // Nor hers, once they are gone.
  unread.clear();
  EXPECT_TRUE(AwaitMetric("hawser_buffered_bytes 0\n"));
  EXPECT_EQ(ann.Dial("echo.paris:7")->Dialled(), std::nullopt);
}

TEST_F(HubMemoryTest, StreamsCostMemory) {
  StartHubWithShare(256 * 1024);
  const auto paris = StartAgent("paris");
  TestClient ann(GrpcPort(certificates_.Client("ann")));
  ASSERT_THAT(ann.Connected(), IsOk());
  std::vector<std::shared_ptr<TestClient::Tunnel>> open;
  std::optional<tunnel::Failure> failure;
  while (!failure && open.size() < 100) {
    open.push_back(ann.Dial("echo.paris:7"));
    failure = open.back()->Dialled();
  }
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->reason, tunnel::Reason::kOverloaded);
  EXPECT_THAT(failure->text, StartsWith("this client has as many connections as it may"));
  open.front()->Cancel();
  EXPECT_TRUE(AwaitMetric(kInUse + "229376\n")) << "64 KiB and 32 times 5";
  EXPECT_EQ(ann.Dial("echo.paris:7")->Dialled(), std::nullopt);
}

TEST_F(HubMemoryTest, FarBeyondItsShareAClientOpensNoStream) {
  StartHubWithShare(96 * 1024);
  const auto paris = StartAgent("paris");
  const net::TlsFiles ann = certificates_.Client("ann");
  TestClient first(GrpcPort(ann)), second(GrpcPort(ann));
  ASSERT_THAT(first.Connected(), IsOk());
  ASSERT_THAT(second.Connected(), IsOk());
  ASSERT_TRUE(AwaitMetric(kInUse + "131072\n")) << "64 KiB each";
  second.Dial("echo.paris:7");
  EXPECT_THAT(std::string(second.Ended().message()), HasSubstr("hold too much memory"));
  EXPECT_TRUE(AwaitMetric(kInUse + "65536\n"));
  EXPECT_EQ(first.Dial("echo.paris:7")->Dialled(), std::nullopt);
}

}  // namespace
}  // namespace hawser::hub
