// The `hawser` binary as a user runs it, against a control API and a front end in this process.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "cli/child_process.h"
#include "lib/client/fake_front_end.h"
#include "lib/control/fake_state_source.h"
#include "lib/control/server.h"
#include "lib/net/event_loop.h"
#include "lib/net/listener.h"
#include "lib/net/socket_address.h"
#include "lib/testing/test_certificates.h"
#include "proto/control.grpc.pb.h"

namespace hawser::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

constexpr char kHawser[] = "cli/hawser";

struct Result {
  int code;
  std::string out;
  std::string err;
};

std::vector<std::string> Command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), kHawser);
  return arguments;
}

Result Hawser(const std::vector<std::string>& arguments, const std::string& input = "") {
  ChildProcess child(Command(arguments));
  if (!input.empty()) child.WriteInput(input);
  const int code = child.Wait();
  return {code, child.out(), child.err()};
}

class HawserTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    for (const char* name :
         {"HAWSER_HUB", "HAWSER_CONTROL", "HAWSER_CA", "HAWSER_CERT", "HAWSER_KEY"})
      unsetenv(name);
    std::string pattern = std::filesystem::temp_directory_path() / "hawser.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  mode_t Mode(const std::string& path) const {
    struct stat found {};
    EXPECT_EQ(stat((folder_ / path).c_str(), &found), 0) << path;
    return found.st_mode & 0777;
  }

  std::filesystem::path folder_;
};

// --- usage ---

TEST_F(HawserTest, HelpNamesCommandsAndExitsZero) {
  const Result help = Hawser({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const std::string command : {"dial", "port-forward", "get", "check", "pki", "version"})
    EXPECT_THAT(help.out, HasSubstr("\n  " + command + " ")) << command;
  EXPECT_THAT(Hawser({"pki", "agent", "--help"}).out,
              EndsWith("\nUsage:\n  hawser pki agent CLUSTER [options]\n"));
}

TEST_F(HawserTest, AMistypedCommandIsNamedBesideThoseThatThereAre) {
  EXPECT_EQ(Hawser({"dail", "web.paris:80"}).err,
            "hawser: unknown command \"dail\": want dial, port-forward, get, check, pki, version "
            "(see hawser --help)\n");
  EXPECT_EQ(
      Hawser({"get", "cluster"}).err,
      "hawser: unknown command \"cluster\": want clusters, sessions (see hawser get --help)\n");
  EXPECT_THAT(Hawser({}).err, StartsWith("hawser: a command is needed: dial, "));
}

TEST_F(HawserTest, BadUsageIsOneLineAnd64) {
  const std::vector<std::vector<std::string>> bad = {
      {},
      {"fly"},
      {"get"},
      {"get", "clusters"},                                     // no hub
      {"get", "clusters", "--hub", "hub:8090"},                // no CA
      {"get", "clusters", "--hub", "hub"},                     // no port
      {"get", "clusters", "-w", "--hub", "unix:/x"},           // not on front ends
      {"get", "clusters", "--control", "10.0.0.1:1"},          // not local
      {"dial", "echo.paris:80"},                               // no hub
      {"dial", "echo.paris:http", "--hub", "unix:/x"},         // no number
      {"dial", "a:1", "--hub", "unix:/x", "--timeout", "10"},  // no unit
      {"dial", "a:1", "--hub", "hub:8090"},                    // no CA
      {"check", "paris"},                                      // no hub
      {"check", "paris:443", "--hub", "unix:/x"},              // more than a name
      {"check", "--hub", "unix:/x", "--timeout", "0s"},        // no time
      {"port-forward", "echo.paris", "0x50", "--hub", "unix:/x"},
      {"port-forward", "echo.paris", "--hub", "unix:/x"},
      {"version", "-o", "yaml"},
      {"version", "--no-such-option"},
  };
  for (const auto& arguments : bad) {
    const Result result = Hawser(arguments);
    EXPECT_EQ(result.code, 64) << ::testing::PrintToString(arguments);
    EXPECT_THAT(result.err, MatchesRegex("hawser: [^\n]+\n"));
    EXPECT_EQ(result.out, "");
  }
}

TEST_F(HawserTest, Version) {
  EXPECT_THAT(Hawser({"version"}).out, StartsWith("hawser "));
  EXPECT_EQ(Hawser({"--version"}).out, Hawser({"version"}).out);
  const auto json = nlohmann::json::parse(Hawser({"version", "-o", "json"}).out);
  EXPECT_TRUE(json.contains("version"));
  EXPECT_TRUE(json.contains("commit"));
}

// --- pki ---

class PkiTest : public HawserTest {
 protected:
  Result Pki(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"pki", "--dir", folder_ / "pki"});
    return Hawser(arguments);
  }
  nlohmann::json Show(const std::string& path) const {
    const Result shown = Hawser({"pki", "show", "-o", "json", folder_ / path});
    EXPECT_EQ(shown.code, 0) << shown.err;
    return nlohmann::json::parse(shown.out)["certificates"][0];
  }
};

TEST_F(PkiTest, LaysOutCertificatesForEverySide) {
  EXPECT_EQ(Pki({"init"}).code, 0);
  EXPECT_EQ(Pki({"agent", "paris"}).code, 0);
  EXPECT_EQ(Pki({"client", "alice"}).code, 0);
  EXPECT_EQ(
      Pki({"server", "hub", "--san", "dns:hub.example,dns:spare.example", "--san", "ip:10.0.0.1"})
          .code,
      0);

  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "pki")) {
    const std::string path = std::filesystem::relative(entry.path(), folder_);
    const bool key = path.ends_with(".key");
    EXPECT_EQ(Mode(path), entry.is_directory() ? 0700 : key ? 0600 : 0644) << path;
    if (!entry.is_directory()) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  EXPECT_THAT(files, ElementsAre("pki/agents/paris/ca.crt", "pki/agents/paris/tls.crt",
                                 "pki/agents/paris/tls.key", "pki/ca/agents.crt",
                                 "pki/ca/agents.key", "pki/ca/clients.crt", "pki/ca/clients.key",
                                 "pki/ca/servers.crt", "pki/ca/servers.key",
                                 "pki/clients/alice/ca.crt", "pki/clients/alice/tls.crt",
                                 "pki/clients/alice/tls.key", "pki/servers/hub/ca.crt",
                                 "pki/servers/hub/tls.crt", "pki/servers/hub/tls.key"));

  const auto agent = Show("pki/agents/paris/tls.crt");
  EXPECT_EQ(agent["names"], nlohmann::json({"uri:spiffe://hawser.local/cluster/paris"}));
  EXPECT_EQ(agent["issuer"], "hawser agents");
  EXPECT_EQ(agent["usages"], nlohmann::json({"client"}));
  const auto client = Show("pki/clients/alice/tls.crt");
  EXPECT_EQ(client["names"], nlohmann::json({"uri:spiffe://hawser.local/client/alice"}));
  EXPECT_EQ(client["issuer"], "hawser clients");
  const auto server = Show("pki/servers/hub/tls.crt");
  EXPECT_EQ(server["names"],
            nlohmann::json({"dns:hub.example", "dns:spare.example", "ip:10.0.0.1"}));
  EXPECT_EQ(server["usages"], nlohmann::json({"server"}));
  EXPECT_EQ(Show("pki/agents/paris/ca.crt")["subject"], "hawser servers");
}

TEST_F(PkiTest, NeverOverwritesUnasked) {
  EXPECT_EQ(Pki({"init"}).code, 0);
  const Result again = Pki({"init"});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("ca/agents.crt exists already"));

  EXPECT_EQ(Pki({"agent", "paris"}).code, 0);
  const auto first = Show("pki/agents/paris/tls.crt");
  EXPECT_EQ(Pki({"agent", "paris"}).code, 1);
  EXPECT_EQ(Show("pki/agents/paris/tls.crt"), first);
  EXPECT_EQ(Pki({"agent", "paris", "--overwrite"}).code, 0);
  EXPECT_NE(Show("pki/agents/paris/tls.crt"), first);
}

TEST_F(PkiTest, RefusesNamesThatNoPeerWouldAccept) {
  EXPECT_EQ(Pki({"init"}).code, 0);
  const std::vector<std::vector<std::string>> bad = {
      {"agent", "Paris"},
      {"agent", "../paris"},
      {"agent", "paris.example"},
      {"agent", "paris", "--trust-domain", "Hawser"},
      {"agent", "paris", "--validity", "forever"},
      {"agent", "paris", "--validity", "0s"},
      {"client", "a/b"},
      {"client", ".."},
      {"server", "../hub", "--san", "dns:hub"},
      {"server", "hub"},
      {"server", "hub", "--san", "hub.example"},
      {"server", "hub", "--san", "ip:hub.example"},
      {"server", "hub", "--san", "dns:10.0.0.1"},
      {"server", "hub", "--san", "dns:::1"},
      {"server", "hub", "--san", "dns:hub.example:8090"},
      {"server", "hub", "--san", "dns:https://hub.example"},
      {"server", "hub", "--san", "dns:*"},
      {"server", "hub", "--san", "dns:"},
  };
  for (const auto& arguments : bad) {
    const Result result = Pki(arguments);
    EXPECT_EQ(result.code, 64) << ::testing::PrintToString(arguments) << result.err;
    EXPECT_THAT(result.err, MatchesRegex("hawser: [^\n]+\n"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "pki/agents"));
}

TEST_F(PkiTest, DeniesInTheHubsConfiguration) {
  EXPECT_EQ(Pki({"init"}).code, 0);
  EXPECT_EQ(Pki({"agent", "paris"}).code, 0);
  const std::string config = folder_ / "hub.yaml";
  std::ofstream(config) << "# ours\ngrants: {}\n";
  std::filesystem::permissions(config, std::filesystem::perms(0640));
  std::filesystem::create_symlink("hub.yaml", folder_ / "link.yaml");
  const std::string leaf = folder_ / "pki/agents/paris/tls.crt";
  const Result denied = Pki(
      {"deny", "--config", folder_ / "link.yaml", "--cluster", "rome", "--client", "ann", leaf});
  EXPECT_EQ(denied.code, 0) << denied.err;
  const auto shown = nlohmann::json::parse(Pki({"fingerprint", "-o", "json", leaf}).out);
  const std::string fingerprint = shown["certificates"][0]["fingerprint"];
  EXPECT_THAT(denied.out, HasSubstr("denied cluster rome in "));
  EXPECT_THAT(denied.out, HasSubstr("denied fingerprint " + fingerprint));
  std::stringstream text;
  text << std::ifstream(config).rdbuf();
  EXPECT_EQ(text.str(), "# ours\ngrants: {}\ndeny:\n  - fingerprint: " + fingerprint +
                            "\n  - client: ann\n  - cluster: rome\n");
  EXPECT_EQ(Mode("hub.yaml"), 0640u);
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link.yaml"));

  EXPECT_EQ(Pki({"deny", "--config", config}).code, 64) << "nobody is named";
  EXPECT_EQ(Pki({"deny", "--config", config, "--cluster", "Rome"}).code, 64);
  EXPECT_EQ(Pki({"deny", "--config", config, "--client", "a/b"}).code, 64);
  EXPECT_NE(Pki({"deny", "--config", folder_ / "none.yaml", "--cluster", "rome"}).code, 0);
  EXPECT_NE(Pki({"deny", "--config", config, folder_ / "none.crt"}).code, 0);
  EXPECT_EQ(Pki({"deny", "--config", config, folder_ / "pki/ca/agents.crt"}).code, 64);
  // A file that no hub would load, so that nobody would be denied.
  for (const std::string bad : {"foo: 1\n", "limits: {nope: 3}\n", "grants: 5\n",
                                "limits:\n  idle-timeout: long\n", "deny:\n  - serial: zz\n"}) {
    std::ofstream(config) << bad;
    EXPECT_EQ(Pki({"deny", "--config", config, "--cluster", "rome"}).code, 64) << bad;
  }
}

TEST_F(PkiTest, NeedsInitFirst) {
  const Result result = Pki({"agent", "paris"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("ca/agents.crt"));
}

// --- get ---

class GetTest : public HawserTest {
 protected:
  void SetUp() override {
    HawserTest::SetUp();
    address_ = "unix:" + (folder_ / "control.sock").string();
    auto server = control::Server::Start(address_, source_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  static control::Cluster Paris() {
    control::Cluster cluster;
    cluster.set_name("paris");
    cluster.set_agents(2);
    cluster.set_state(control::READY);
    const auto since = std::chrono::system_clock::now() - std::chrono::hours(24 * 3 + 1);
    cluster.mutable_connected_since()->set_seconds(std::chrono::system_clock::to_time_t(since));
    cluster.mutable_round_trip()->set_nanos(12'340'000);
    cluster.set_connections(7);
    cluster.mutable_certificate_not_after()->set_seconds(1'800'000'000);
    return cluster;
  }
  static control::Cluster Reference() {
    control::Cluster cluster = Paris();
    cluster.set_name("a-reference-agent");
    cluster.set_state(control::DRAINING);
    cluster.clear_round_trip();
    cluster.clear_certificate_not_after();
    return cluster;
  }

  std::string address_;
  control::FakeStateSource source_;
  std::unique_ptr<control::Server> server_;
};

TEST_F(GetTest, PrintsClustersAsATable) {
  source_.SetClusters({Reference(), Paris()});
  const Result result = Hawser({"get", "clusters", "--control", address_});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out,
            "NAME                AGENTS   STATUS     SINCE   RTT      CONNECTIONS   CERT-EXPIRES\n"
            "a-reference-agent   2        Draining   3d      -        7             -\n"
            "paris               2        Ready      3d      12.3ms   7             "
            "2027-01-15T08:00:00Z\n");
}

TEST_F(GetTest, PrintsClustersAsJson) {
  source_.SetClusters({Paris()});
  setenv("HAWSER_CONTROL", address_.c_str(), 1);
  const auto json = nlohmann::json::parse(Hawser({"get", "clusters", "-o", "json"}).out);
  ASSERT_EQ(json["clusters"].size(), 1);
  const auto& paris = json["clusters"][0];
  EXPECT_EQ(paris["name"], "paris");
  EXPECT_EQ(paris["agents"], 2);
  EXPECT_EQ(paris["state"], "READY");
  EXPECT_EQ(paris["roundTrip"], "0.012340s");
  EXPECT_EQ(paris["certificateNotAfter"], "2027-01-15T08:00:00Z");

  source_.SetClusters({});
  EXPECT_EQ(nlohmann::json::parse(Hawser({"get", "clusters", "-o", "json"}).out)["clusters"],
            nlohmann::json::array());
}

TEST_F(GetTest, WatchesUntilTheHubStops) {
  source_.SetClusters({Paris()});
  ChildProcess watch(Command({"get", "clusters", "-w", "--control", address_}));
  EXPECT_THAT(watch.ReadLine(), StartsWith("NAME    AGENTS"));
  EXPECT_THAT(watch.ReadLine(), StartsWith("paris   2        Ready "));
  source_.SetClusters({});
  EXPECT_THAT(watch.ReadLine(), StartsWith("paris   2        Gone "));
  server_.reset();
  EXPECT_EQ(watch.Wait(), 69);
  EXPECT_THAT(watch.err(), HasSubstr("the hub is stopping"));
}

TEST_F(GetTest, PrintsSessions) {
  control::Session session;
  session.set_id("7");
  session.set_cluster("paris");
  session.set_agent_id("agent-1");
  session.set_address("192.0.2.1:4711");
  session.set_state(control::READY);
  source_.SetSessions({session});
  const Result table = Hawser({"get", "sessions", "--cluster", "paris", "--control", address_});
  EXPECT_THAT(table.out, HasSubstr("\n7    paris     agent-1   192.0.2.1:4711   Ready"));
  const auto json =
      nlohmann::json::parse(Hawser({"get", "sessions", "-o", "json", "--control", address_}).out);
  EXPECT_EQ(json["sessions"][0]["agentId"], "agent-1");
}

TEST_F(GetTest, NobodyThereIs69) {
  server_.reset();
  const Result result = Hawser({"get", "clusters", "--control", address_});
  EXPECT_EQ(result.code, 69);
  EXPECT_THAT(result.err, HasSubstr(address_));
}

// What a front end serves, by another stack than the hub's.
class TlsLists final : public control::Control::Service {
 public:
  explicit TlsLists(const net::TlsFiles& files) {
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = Read(files.ca);
    tls.pem_key_cert_pairs = {{Read(files.key), Read(files.certificate)}};
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  grpc::Status GetClusters(grpc::ServerContext*, const control::GetClustersRequest*,
                           control::GetClustersResponse* response) override {
    response->add_clusters()->set_name("paris");
    return grpc::Status::OK;
  }

 private:
  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(GetTest, ListsAreOnTheFrontEndToo) {
  testing::TestCertificates certificates;
  const TlsLists front(certificates.HubFrontEnd());
  const auto get = [&](const net::TlsFiles& files) {
    return Hawser({"get", "clusters", "-o", "json", "--hub", front.address(), "--ca", files.ca,
                   "--cert", files.certificate, "--key", files.key});
  };
  const net::TlsFiles alice = certificates.Client("alice");
  const Result listed = get(alice);
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_EQ(nlohmann::json::parse(listed.out)["clusters"][0]["name"], "paris");

  const Result stranger = get(certificates.Agent("paris"));
  EXPECT_EQ(stranger.code, 69);
  EXPECT_THAT(stranger.err, MatchesRegex("hawser: hub at 127.0.0.1:[^\n]+\n"));

  net::TlsFiles broken = alice;
  broken.key = alice.certificate;
  EXPECT_THAT(get(broken).err, MatchesRegex("hawser: [^\n]*" + alice.certificate + "[^\n]*\n"));
  std::filesystem::permissions(alice.key, std::filesystem::perms(0644));
  EXPECT_EQ(get(alice).code, 1);
  EXPECT_THAT(get(alice).err, HasSubstr(alice.key));
}

TEST_F(GetTest, TheCommandLineGoesBeforeTheEnvironment) {
  source_.SetClusters({Paris()});
  setenv("HAWSER_CONTROL", address_.c_str(), 1);
  EXPECT_EQ(Hawser({"get", "clusters"}).code, 0);
  EXPECT_EQ(Hawser({"get", "clusters", "--hub", "unix:/nowhere"}).code, 69);
  EXPECT_EQ(Hawser({"get", "clusters", "--hub=unix:/nowhere"}).code, 69);
  EXPECT_EQ(Hawser({"get", "clusters", "--hub", "unix:/nowhere", "--control", address_}).code, 0);
}

TEST_F(GetTest, TheControlApiGoesBeforeTheFrontEnd) {
  source_.SetClusters({Paris()});
  setenv("HAWSER_HUB", "unix:/nowhere", 1);
  EXPECT_EQ(Hawser({"get", "clusters"}).code, 69);
  EXPECT_EQ(Hawser({"get", "clusters", "--control", address_}).code, 0);
  setenv("HAWSER_HUB", address_.c_str(), 1);
  EXPECT_THAT(Hawser({"get", "clusters"}).out, HasSubstr("\nparis   2 "));
}

// --- dial and port-forward ---

class TunnelTest : public HawserTest {
 protected:
  void SetUp() override {
    HawserTest::SetUp();
    setenv("HAWSER_HUB", front_.address().c_str(), 1);
  }
  client::FakeFrontEnd front_{{}};
};

TEST_F(TunnelTest, DialIsAPipeWithHalfClose) {
  std::string input;
  for (int i = 0; input.size() < 3'000'000; ++i) input += std::to_string(i) + "\n";
  ChildProcess dial(Command({"dial", "echo.paris:80"}));
  std::thread writer([&] {
    dial.WriteInput(input);
    dial.CloseInput();
  });
  const std::string first = dial.ReadLine();
  EXPECT_EQ(first, "0");
  writer.join();
  EXPECT_EQ(dial.Wait(), 0);
  EXPECT_TRUE(first + "\n" + dial.out() == input);
  front_.AwaitIdle();
}

TEST_F(TunnelTest, DialTellsATargetFromACluster) {
  const Result refused = Hawser({"dial", "refused.paris:80"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, MatchesRegex("hawser: dial refused.paris:80: .*connection refused "
                                        ".refused at the target in cluster paris.\n"));
  EXPECT_EQ(Hawser({"dial", "missing.paris:80"}).code, 69);
  EXPECT_THAT(Hawser({"dial", "missing"}).err, HasSubstr("dial missing:443: "));
  EXPECT_EQ(Hawser({"dial", "echo.paris:80", "--hub", "unix:/nowhere"}).code, 69);
  EXPECT_EQ(Hawser({"dial", "never.paris:80", "--timeout", "1s"}).code, 1);
  EXPECT_EQ(Hawser({"dial", "reset.paris:80"}, "x").code, 1);
}

TEST_F(TunnelTest, DialReportsALostHub) {
  ChildProcess dial(Command({"dial", "echo.paris:80"}));
  dial.WriteInput("hello\n");
  EXPECT_EQ(dial.ReadLine(), "hello");
  front_.DropLinks();
  EXPECT_EQ(dial.Wait(), 69);
  EXPECT_THAT(dial.err(), HasSubstr("ended the stream"));
}

// A connection to the port at the end of "forwarding 127.0.0.1:8080 -> ...".
int ConnectTo(const std::string& line) {
  const size_t colon = line.find(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(line.substr(colon + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

TEST_F(TunnelTest, PortForwardServesSeveralPortsAndSurvivesFailures) {
  ChildProcess echo(
      Command({"port-forward", "echo.paris", ":80", ":81", "--address", "127.0.0.1"}));
  const std::string first = echo.ReadLine();
  const std::string second = echo.ReadLine();
  EXPECT_THAT(first, MatchesRegex("forwarding 127.0.0.1:[0-9]+ -> echo.paris:80"));
  EXPECT_THAT(second, MatchesRegex("forwarding 127.0.0.1:[0-9]+ -> echo.paris:81"));
  std::array<char, 16> space;
  for (const std::string& line : {first, second, first}) {
    const int fd = ConnectTo(line);
    ASSERT_EQ(write(fd, "ping", 4), 4);
    EXPECT_GT(read(fd, space.data(), space.size()), 0);
    close(fd);
  }
  echo.Kill();
  EXPECT_EQ(echo.Wait(), -SIGTERM);
  EXPECT_EQ(echo.err(), "");

  ChildProcess refused(Command({"port-forward", "refused.paris", ":80", "-o", "json"}));
  const auto forward = nlohmann::json::parse(refused.ReadLine());
  EXPECT_EQ(forward["remote"], "refused.paris:80");
  for (int i = 0; i < 2; ++i) {
    const int fd = ConnectTo(forward["local"]);
    EXPECT_LE(read(fd, space.data(), space.size()), 0);
    close(fd);
  }
  refused.Kill();
  refused.Wait();
  EXPECT_THAT(refused.err(), MatchesRegex("(hawser: 127.0.0.1:[0-9]+ on 127.0.0.1:[0-9]+: dial "
                                          "refused.paris:80: [^\n]*refused[^\n]*\n)+"));
}

bool HasIpv6Loopback() {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return bound;
}

// Clients look localhost up, and get addresses of both families.
TEST_F(TunnelTest, PortForwardListensOnAllOfLocalhostWithOnePort) {
  ChildProcess both(Command({"port-forward", "echo.paris", ":80"}));
  const std::string line = both.ReadLine();
  ASSERT_THAT(line, StartsWith("forwarding 127.0.0.1:"));
  if (HasIpv6Loopback()) {
    EXPECT_EQ(both.ReadLine(), "forwarding [::1]" + line.substr(line.find(':')));
  }
}

TEST_F(TunnelTest, PortForwardListensWhereItIsTold) {
  ChildProcess chosen(
      Command({"port-forward", "echo.paris", ":80", "--address", "127.0.0.2,127.0.0.3"}));
  EXPECT_THAT(chosen.ReadLine(), StartsWith("forwarding 127.0.0.2:"));
  EXPECT_THAT(chosen.ReadLine(), StartsWith("forwarding 127.0.0.3:"));
  EXPECT_THAT(Hawser({"port-forward", "echo.paris", ":80", "--address", "somewhere"}).err,
              HasSubstr("somewhere"));
}

TEST_F(TunnelTest, PortForwardRefusesAPortInUse) {
  ChildProcess first(Command({"port-forward", "echo.paris", ":80"}));
  const std::string line = first.ReadLine();
  const std::string port = line.substr(line.find(':') + 1, line.find(" ->") - line.find(':') - 1);
  const Result second = Hawser({"port-forward", "echo.paris", port + ":80"});
  EXPECT_EQ(second.code, 1);
  EXPECT_THAT(second.err, HasSubstr("127.0.0.1:" + port));
}

TEST_F(TunnelTest, PortForwardRefusesAPortThatIsHalfTaken) {
  net::EventLoop loop;
  const auto other = net::Listener::Tcp(loop, *net::BindEndpoint("127.0.0.1", 0));
  ASSERT_TRUE(other.ok());
  const std::string port = std::to_string((*other)->port());
  const Result result = Hawser({"port-forward", "echo.paris", port + ":80"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:" + port + ": the address is in use"));
}

// --- check ---

class CheckTest : public GetTest {
 protected:
  void SetUp() override {
    GetTest::SetUp();
    setenv("HAWSER_HUB", front_.address().c_str(), 1);
    setenv("HAWSER_CONTROL", address_.c_str(), 1);
  }
  // What becomes of a dial is in the name: see FakeFrontEnd.
  void Connect(const std::vector<std::string>& names) {
    std::vector<control::Cluster> clusters;
    for (const std::string& name : names) clusters.emplace_back().set_name(name);
    source_.SetClusters(clusters);
  }
  client::FakeFrontEnd front_{{}};
};

TEST_F(CheckTest, EachConnectedClusterIsDialled) {
  Connect({"echo", "source"});
  const Result result = Hawser({"check"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, MatchesRegex("CLUSTER   TIME +RESULT\n"
                                       "echo      [^ ]+s +ok\n"
                                       "source    [^ ]+s +ok\n"));
  front_.AwaitDials(2);
  front_.AwaitIdle();
}

TEST_F(CheckTest, OneThatFailsIsNamedAndDisturbsNoOther) {
  Connect({"echo", "refused", "missing"});
  const Result result = Hawser({"check"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, HasSubstr("ok\n"));
  EXPECT_THAT(result.out, HasSubstr("dial refused:443: "));
  EXPECT_THAT(result.out, HasSubstr("dial missing:443: "));
  EXPECT_EQ(result.err, "hawser: check: 2 of 3 clusters cannot be reached\n");

  const auto json = nlohmann::json::parse(Hawser({"check", "-o", "json"}).out)["checks"];
  ASSERT_EQ(json.size(), 3);
  EXPECT_EQ(json[0]["cluster"], "echo");
  EXPECT_EQ(json[0]["ok"], true);
  EXPECT_GT(json[0]["seconds"], 0);
  EXPECT_FALSE(json[0].contains("error"));
  EXPECT_EQ(json[1]["ok"], false);
  EXPECT_THAT(std::string(json[1]["error"]), StartsWith("dial refused:443: "));
}

TEST_F(CheckTest, ASilentClusterIsLeftAfterTheTimeout) {
  Connect({"never", "echo"});
  const Result result = Hawser({"check", "--timeout", "1s"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, HasSubstr("dial never:443: "));
  EXPECT_THAT(result.out, MatchesRegex("[^\n]+\nnever [^\n]+\necho [^\n]+ok\n"));
  front_.AwaitCancelled(1);
}

TEST_F(CheckTest, ManyAreDialledInOrder) {
  std::vector<std::string> names(200, "echo");
  names.back() = "refused";
  Connect(names);
  const Result result = Hawser({"check"});
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 201);
  EXPECT_THAT(result.out, MatchesRegex(".*\nrefused [^\n]+\n"));
  EXPECT_THAT(result.err, HasSubstr("1 of 200 clusters"));
}

TEST_F(CheckTest, NamedClustersAreDialledWithoutAList) {
  server_.reset();
  EXPECT_EQ(Hawser({"check", "echo"}).code, 0);
  const Result result = Hawser({"check", "echo", "missing"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, HasSubstr("dial missing:443: "));
}

TEST_F(CheckTest, NoClusterAtAllIsAFailure) {
  const Result result = Hawser({"check"});
  EXPECT_EQ(result.code, 69);
  EXPECT_EQ(result.err, "hawser: no cluster is connected to the hub\n");
  EXPECT_EQ(result.out, "");
}

}  // namespace
}  // namespace hawser::cli
