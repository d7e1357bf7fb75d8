// Strangers on the TLS ports: what they may take before they have proved who they are.
#include <arpa/inet.h>
#include <glog/logging.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>

#include "hub/test_hub.h"
#include "lib/net/ticket_keys.h"

namespace hawser::hub {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;

// The first bytes of a TLS record.
const std::string& HalfHello() {
  static const auto* const bytes = new std::string("\x16\x03\x01\x02\x00\x01\x00", 7);
  return *bytes;
}

// Whoever logs a line with `part` in it stands still there until this is gone. Everybody else who
// logs anything waits, too.
class StandStill final : public google::LogSink {
 public:
  explicit StandStill(std::string part) : part_(std::move(part)) { google::AddLogSink(this); }
  ~StandStill() override {
    gone_.set_value();
    google::RemoveLogSink(this);
  }
  // Waits until somebody does.
  bool Await() {
    return caught_.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  }

 private:
  void send(google::LogSeverity, const char*, const char*, int, const struct ::tm*,
            const char* message, size_t size) override {
    if (std::string(message, size).find(part_) == std::string::npos || caught_once_.exchange(true))
      return;
    caught_.set_value();
    gone_.get_future().wait();
  }

  const std::string part_;
  std::atomic<bool> caught_once_{false};
  std::promise<void> caught_, gone_;
};

class HubHandshakeTest : public HubTest {
 protected:
  ~HubHandshakeTest() override {
    for (const int fd : strangers_) ::close(fd);
  }

  // A connection from another address of this machine, so that agents and clients are other people.
  int Stranger(uint16_t port, const std::string& bytes, const char* from = "127.0.0.2") {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, from, &address.sin_addr);
    PCHECK(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    PCHECK(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    PCHECK(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size()));
    strangers_.push_back(fd);
    return fd;
  }
  void Strangers(const std::string& port, const std::string& bytes, int count) {
    for (int i = 0; i < count; ++i) Stranger(PortOf(port), bytes);
  }
  static std::string Ended(const std::string& port, const std::string& result) {
    return "hawser_handshakes_total{port=\"" + port + "\",result=\"" + result + "\"} ";
  }
  static std::string PlacesOf(const std::string& limit) {
    return "{resource=\"unfinished_handshakes\",limit=\"" + limit + "\",port=\"agents\"} ";
  }

  std::vector<int> strangers_;
};

TEST_F(HubHandshakeTest, ACrowdOfStrangersMakesRoomForAnAgent) {
  for (const std::string& bytes : {std::string(), HalfHello()}) {
    Options options = DefaultOptions();
    options.limits.unfinished_handshakes = 8;
    options.limits.handshake_timeout = std::chrono::hours(1);
    StartHub(options);
    Strangers("agents", bytes, 20);
    EXPECT_TRUE(AwaitMetric(Ended("agents", "no_place") + "12"));
    EXPECT_TRUE(AwaitMetric("hawser_unfinished_handshakes{port=\"agents\"} 8"));
    EXPECT_TRUE(AwaitMetric("hawser_resource_limit" + PlacesOf("total") + "8\n"));
    EXPECT_TRUE(AwaitMetric("hawser_resource_limit" + PlacesOf("address") + "8\n"));
    StartAgent("paris");
    EXPECT_TRUE(AwaitMetric(Ended("agents", "displaced") + "1"));
    EXPECT_TRUE(AwaitMetric(Ended("agents", "done") + "1"));
    Stranger(PortOf("agents"), bytes, "127.0.0.3");
    EXPECT_TRUE(AwaitMetric("hawser_resource_limit" + PlacesOf("address") + "4\n"))
        << "there are two addresses";
    EXPECT_TRUE(AwaitMetric(
        "hawser_resource_in_use{resource=\"unfinished_handshakes\",port=\"agents\"} 8\n"));
    EXPECT_TRUE(AwaitMetric("hawser_refusals_total" + PlacesOf("address") + "12\n"));
    EXPECT_TRUE(AwaitMetric("hawser_resets_total" + PlacesOf("address") + "1\n"));
    StopHub();
  }
}

TEST_F(HubHandshakeTest, PortsHavePlacesOfTheirOwn) {
  Options options = DefaultOptions();
  options.limits.unfinished_handshakes = 8;
  options.limits.handshake_timeout = std::chrono::hours(1);
  StartHub(options);
  const auto paris = StartAgent("paris");
  Strangers("agents", HalfHello(), 20);
  Strangers("grpc", HalfHello(), 8);
  EXPECT_TRUE(AwaitMetric(Ended("agents", "no_place") + "12"));
  EXPECT_TRUE(AwaitMetric("hawser_unfinished_handshakes{port=\"grpc\"} 8"));
  RawClient client(PortOf("http-connect"), certificates_.Client("ann"), "");
  EXPECT_EQ(Connect(client, "echo.paris:7"), kEstablished);
  EXPECT_TRUE(AwaitMetric(Ended("http-connect", "displaced") + "0"));
}

TEST_F(HubHandshakeTest, HandshakesNeedNoShard) {
  Options options = DefaultOptions();
  options.threads = 1;
  options.limits.connections_per_identity = 1;
  StartHub(options);
  const auto paris = StartAgent("paris");
  RawClient local(folder_ + "/connect.sock");
  ASSERT_EQ(Connect(local, "echo.paris:7"), kEstablished);
  std::unique_ptr<RawClient> ann;
  {
    // The shard says so.
    StandStill shard("connection from unix refused");
    RawClient surplus(folder_ + "/connect.sock");
    ASSERT_TRUE(shard.Await());
    local.Send("hello");
    ann = std::make_unique<RawClient>(PortOf("http-connect"), certificates_.Client("ann"), "");
    EXPECT_TRUE(ann->ok());
    EXPECT_TRUE(RawClient(PortOf("grpc"), certificates_.Client("bob"), "h2").ok());
    EXPECT_TRUE(RawClient(PortOf("agents"), certificates_.Agent("tokyo"), "h2").ok());
    EXPECT_FALSE(local.Readable()) << "the shard stands still";
  }
  EXPECT_EQ(local.ReadUntil("hello"), "hello");
  EXPECT_EQ(Connect(*ann, "echo.paris:7"), kEstablished);
}

TEST_F(HubHandshakeTest, AStopWaitsForNoStranger) {
  Options options = DefaultOptions();
  options.limits.handshake_timeout = std::chrono::hours(1);
  options.graceful_shutdown_timeout = std::chrono::hours(1);
  StartHub(options);
  for (const char* port : {"agents", "grpc", "http-connect"}) {
    Strangers(port, "", 20);
    Strangers(port, HalfHello(), 20);
    EXPECT_TRUE(AwaitMetric(std::string("hawser_unfinished_handshakes{port=\"") + port + "\"} 40"));
  }
  hub_->Stop();
  AwaitStopped();
  char byte;
  for (const int fd : strangers_) EXPECT_LE(::recv(fd, &byte, 1, 0), 0);
}

TEST_F(HubHandshakeTest, AnotherHubWithTheSameTicketKeysResumesSessions) {
  Options options = DefaultOptions();
  options.ticket_keys = folder_ + "/tickets";
  std::ofstream(options.ticket_keys) << std::string(net::TicketKeys::kFileKey, 'k');
  std::filesystem::permissions(options.ticket_keys, std::filesystem::perms::owner_read);
  const net::TlsFiles files = certificates_.Client("ann");
  const auto context =
      *net::TlsContext::Client({.files = files, .alpn = {}, .require_alpn = false});
  const auto resumed = [&] {
    StartHub(options);
    const auto paris = StartAgent("paris");
    RawClient client(PortOf("http-connect"), context);
    EXPECT_EQ(Connect(client, "echo.paris:7"), kEstablished);
    const bool result = client.resumed();
    StopHub();
    return result;
  };
  EXPECT_FALSE(resumed());
  EXPECT_TRUE(resumed());
  options.ticket_keys.clear();
  EXPECT_FALSE(resumed());
}

}  // namespace
}  // namespace hawser::hub
