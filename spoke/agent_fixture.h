// The agent as it is, on a thread of its own, between a fake hub and targets on loopback.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/net/listener.h"
#include "lib/net/socket.h"
#include "lib/net/socket_address.h"
#include "lib/testing/loopback.h"
#include "lib/testing/test_certificates.h"
#include "spoke/agent.h"
#include "spoke/fake_hub.h"

namespace hawser::spoke {

inline int ConnectTo(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

inline int ConnectTo(const std::string& unix_path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = net::UnixAddress(unix_path);
  EXPECT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address), 0);
  return fd;
}

// The whole answer to a GET, waited for on this thread.
// `address`: "127.0.0.1:80" or "unix:/path".
inline std::string Get(const std::string& address, const std::string& path) {
  const bool local = address.starts_with("unix:");
  const int fd = local ? ConnectTo(address.substr(sizeof("unix:") - 1))
                       : ConnectTo(std::stoi(address.substr(address.rfind(':') + 1)));
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  EXPECT_EQ(::send(fd, request.data(), request.size(), 0), request.size());
  std::string answer;
  char buffer[4096];
  for (ssize_t count; (count = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, count);
  ::close(fd);
  return answer;
}

// A port on loopback that accepts connections.
class Target {
 public:
  explicit Target(net::EventLoop& loop) {
    listener_ = *net::Listener::Tcp(loop, *net::BindEndpoint("127.0.0.1", 0));
    listener_->Start([this, &loop](int fd) {
      peers.push_back(std::make_unique<testing::LoopbackPeer>(net::MakePlainSocket(loop, fd)));
    });
  }
  std::string port() const { return std::to_string(listener_->port()); }
  std::string address() const { return "127.0.0.1:" + port(); }

  std::vector<std::unique_ptr<testing::LoopbackPeer>> peers;

 private:
  std::unique_ptr<net::Listener> listener_;
};

// A listener whose queue is full does not answer.
class UnansweringTarget {
 public:
  UnansweringTarget() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 0), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    filler_ = ConnectTo(port_);
  }
  ~UnansweringTarget() {
    ::close(filler_);
    ::close(listener_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int listener_;
  int filler_;
  uint16_t port_;
};

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() {
    options_.tls.files = certificates_.Agent("paris");
    options_.agent_id = "agent-1";
    options_.identifiers = "host=paris";
    options_.keepalive = std::chrono::seconds(15);
    options_.graceful_shutdown_timeout = std::chrono::seconds(30);
    options_.names.kube_apiserver = {"kubernetes.default.svc", 443};
    options_.replaced_link_timeout = std::chrono::hours(1);
    options_.probe_interval = std::chrono::milliseconds(10);
    options_.dial_timeout = std::chrono::seconds(10);
    options_.buffered_bytes = 64 * 1024 * 1024;
    options_.health = options_.admin = {"127.0.0.1", 0};
    options_.admin_path = folder_ + "/admin.sock";
    hub_.Listen();
  }

  ~AgentTest() override {
    if (agent_ != nullptr) {
      agent_->Stop();
      agent_->Stop();  // does not wait for connections
      thread_.join();
      agent_.reset();
    }
    std::filesystem::remove_all(folder_);
  }

  void Start() {
    if (options_.servers.empty()) options_.servers = {{"127.0.0.1", hub_.port()}};
    auto agent = Agent::Create(options_);
    ASSERT_TRUE(agent.ok()) << agent.status();
    agent_ = *std::move(agent);
    thread_ = std::thread([this] { agent_->Run(); });
  }

  FakeHub::Session& Connect() {
    Start();
    Await([this] { return hub_.sessions().size() == 1; });
    return *hub_.sessions().front();
  }

  template <typename Condition>
  void Await(Condition condition) {
    testing::RunUntil(loop_, std::move(condition));
  }

  std::shared_ptr<FakeHub::Dialled> Dial(const std::string& address) {
    auto dialled = hub_.Dial(*hub_.sessions().front(), address);
    Await([&] { return dialled->done; });
    return dialled;
  }
  // A dial to `target` that must succeed, and the target's end of it.
  std::pair<std::shared_ptr<FakeHub::Dialled>, testing::LoopbackPeer*> Open(Target& target) {
    const size_t before = target.peers.size();
    auto dialled = Dial(target.address());
    EXPECT_FALSE(dialled->failure) << dialled->failure->text;
    Await([&] { return target.peers.size() > before; });
    return {dialled, target.peers.back().get()};
  }
  tunnel::Failure FailedDial(const std::string& address) {
    const auto dialled = Dial(address);
    EXPECT_TRUE(dialled->failure) << address;
    return dialled->failure.value_or(tunnel::Failure{});
  }

  std::string Health(const std::string& path) { return Get(agent_->served()[0].address, path); }
  std::string Admin(const std::string& path) { return Get(agent_->served()[1].address, path); }
  std::string Debug(const std::string& path) { return Get(agent_->served()[2].address, path); }

  // Until the agent says `why` it is not ready.
  void AwaitUnready(const std::string& why) {
    Await([&] {
      loop_.Post([] {});  // look again
      const std::string ready = Health("/readyz");
      return ready.find(" 503 ") != std::string::npos && ready.find(why) != std::string::npos;
    });
  }

  // Not Bazel's folder for tests: its path is too long for a Unix socket's.
  static std::string MakeFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "agent.XXXXXX";
    return mkdtemp(pattern.data());
  }

  const std::string folder_ = MakeFolder();
  testing::TestCertificates certificates_;
  net::EventLoop loop_;
  FakeHub hub_{loop_, certificates_.HubAgentPort(), {}};
  Options options_;
  std::unique_ptr<Agent> agent_;
  std::thread thread_;
};

}  // namespace hawser::spoke
