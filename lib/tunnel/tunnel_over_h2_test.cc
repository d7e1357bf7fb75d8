// The tunnel's data path as it is in production: two sessions over HTTP/2 over mutual TLS over
// loopback, sockets at both ends, a loop and a thread for each side.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/h2/transport.h"
#include "lib/net/dialer.h"
#include "lib/net/event_loop.h"
#include "lib/net/listener.h"
#include "lib/net/socket.h"
#include "lib/net/tls_handshake.h"
#include "lib/testing/test_certificates.h"
#include "lib/tunnel/dialed_session.h"
#include "lib/tunnel/dialing_session.h"
#include "lib/tunnel/socket_endpoint.h"

namespace hawser::tunnel {
namespace {

using std::chrono::seconds;

// A loop on a thread of its own.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop.Run(); }) {}
  ~LoopThread() {
    loop.Stop();
    thread_.join();
  }
  // Runs `work` on the loop and waits for its result.
  template <typename Work>
  auto Run(Work work) {
    std::promise<decltype(work())> promise;
    auto result = promise.get_future();
    loop.Post([&] {
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        promise.set_value();
      } else {
        promise.set_value(work());
      }
    });
    return result.get();
  }
  net::EventLoop loop;

 private:
  std::thread thread_;
};

class Hub : public DialingSession {
 public:
  explicit Hub(std::promise<Hub*>& ready) : DialingSession({}), ready_(ready) {}
  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override {
    DialingSession::OnOpen(stream, headers);
    net::Metadata answer;
    AnswerFeatures(answer);
    stream.SendHeaders(answer);
    ready_.set_value(this);
  }

 private:
  std::promise<Hub*>& ready_;
};

// Each dial gets one end of a socket pair; the test holds the other.
class Agent : public DialedSession {
 public:
  explicit Agent(net::EventLoop& loop) : DialedSession({}), loop_(loop) {}
  void OnDial(Request request) override {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    targets.push_back(pair[1]);
    AcceptDial(request.dial_id,
               SocketEndpoint::Make(net::MakePlainSocket(loop_, pair[0]), "", Hop::kTarget));
  }
  void OnDialCancelled(int64_t) override {}
  std::vector<int> targets;

 private:
  net::EventLoop& loop_;
};

void WriteAll(int fd, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    ASSERT_GT(count, 0);
    done += static_cast<size_t>(count);
  }
}

std::string ReadToEnd(int fd) {
  std::string all;
  char buffer[65536];
  for (;;) {
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count <= 0) return all;
    all.append(buffer, static_cast<size_t>(count));
  }
}

std::string Pattern(size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  for (char& c : bytes) {
    seed = seed * 1664525 + 1013904223;
    c = static_cast<char>(seed >> 24);
  }
  return bytes;
}

class TunnelOverH2Test : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = net::TlsContext::Server({.files = certificates_.HubAgentPort()});
    auto client = net::TlsContext::Client({.files = certificates_.Agent("paris")});
    ASSERT_TRUE(server.ok()) << server.status();
    ASSERT_TRUE(client.ok()) << client.status();
    const auto port = hub_side_.Run([&] {
      auto listener = net::Listener::Tcp(hub_side_.loop, *net::BindEndpoint("127.0.0.1", 0));
      EXPECT_TRUE(listener.ok()) << listener.status();
      listener_ = *std::move(listener);
      listener_->Start([this, context = *server](int fd) { Accept(fd, context); });
      return listener_->port();
    });
    agent_side_.Run([&] { Connect(port, *client); });
    hub_ = hub_ready_.get_future().get();
  }

  void TearDown() override {
    hub_side_.Run([this] {
      hub_transport_.reset();
      listener_.reset();
    });
    agent_side_.Run([this] {
      agent_transport_.reset();
      attempt_.reset();
      for (const int fd : agent_targets_) ::close(fd);
    });
  }

  void Accept(int fd, std::shared_ptr<net::TlsContext> context) {
    net::TlsAccept(hub_side_.loop, fd, context, seconds(5), [this](auto socket) {
      ASSERT_TRUE(socket.ok()) << socket.status();
      hub_transport_ = h2::Transport::Server(
          *std::move(socket), {},
          [this](const std::string&, const net::Metadata&) {
            return std::make_unique<Hub>(hub_ready_);
          },
          [](const absl::Status&) {});
    });
  }

  void Connect(uint16_t port, std::shared_ptr<net::TlsContext> context) {
    attempt_ = net::Connect(agent_side_.loop, {*net::BindEndpoint("127.0.0.1", port)}, seconds(5),
                            [this, context](absl::StatusOr<int> fd) {
                              ASSERT_TRUE(fd.ok()) << fd.status();
                              net::TlsConnect(agent_side_.loop, *fd, context, "localhost",
                                              seconds(5), [this](auto socket) {
                                                ASSERT_TRUE(socket.ok()) << socket.status();
                                                OpenStream(*std::move(socket));
                                              });
                            });
  }

  void OpenStream(std::unique_ptr<net::Socket> socket) {
    agent_transport_ = h2::Transport::Client(std::move(socket), {}, [](const absl::Status&) {});
    auto session = std::make_unique<Agent>(agent_side_.loop);
    agent_ = session.get();
    net::Metadata headers;
    session->OfferFeatures(headers);
    ASSERT_TRUE(agent_transport_
                    ->OpenStream("/AgentService/Connect", "localhost", headers, std::move(session))
                    .ok());
  }

  // Opens a connection; returns the client's and the target's descriptors.
  std::pair<int, int> Open(const std::string& read_ahead = "") {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    std::promise<bool> opened;
    hub_side_.Run([&] {
      auto endpoint = SocketEndpoint::Make(net::MakePlainSocket(hub_side_.loop, pair[0]),
                                           read_ahead, Hop::kClient);
      endpoint->SetGreeting("hello ");
      hub_->StartDial({"web:80", "", seconds(5)}, endpoint,
                      [&](const Failure* failure) { opened.set_value(failure == nullptr); });
    });
    EXPECT_TRUE(opened.get_future().get());
    const int target = agent_side_.Run([&] { return agent_->targets.back(); });
    agent_targets_.push_back(target);
    return {pair[1], target};
  }

  testing::TestCertificates certificates_;
  std::promise<Hub*> hub_ready_;
  Hub* hub_ = nullptr;
  Agent* agent_ = nullptr;
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<net::ConnectAttempt> attempt_;
  std::unique_ptr<h2::Transport> hub_transport_, agent_transport_;
  std::vector<int> agent_targets_;
  LoopThread hub_side_, agent_side_;
};

TEST_F(TunnelOverH2Test, CarriesMegabytesBothWaysAndEachEndAsHalfClose) {
  const auto [client, target] = Open("read ahead, ");
  const std::string up = Pattern(24 << 20, 1);
  const std::string down = Pattern(24 << 20, 2);
  std::thread send_up([&, fd = client] {
    WriteAll(fd, up);
    ::shutdown(fd, SHUT_WR);
  });
  std::thread send_down([&, fd = target] {
    WriteAll(fd, down);
    ::shutdown(fd, SHUT_WR);
  });
  auto received_up = std::async(std::launch::async, ReadToEnd, target);
  const std::string received_down = ReadToEnd(client);
  EXPECT_TRUE(received_up.get() == "read ahead, " + up);
  EXPECT_TRUE(received_down == "hello " + down);
  send_up.join();
  send_down.join();
  ::close(client);
}

TEST_F(TunnelOverH2Test, UnreadConnectionDoesNotHoldUpAnother) {
  const auto [unread, endless] = Open();
  const auto [client, target] = Open();
  std::thread flood([fd = endless] {
    const std::string block(1 << 20, 'x');
    while (::send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  const std::string down = Pattern(16 << 20, 3);
  std::thread send_down([&, fd = target] {
    WriteAll(fd, down);
    ::shutdown(fd, SHUT_WR);
  });
  EXPECT_TRUE(ReadToEnd(client) == "hello " + down);
  send_down.join();
  ::close(unread);  // the agent resets its target, which ends the flood
  flood.join();
  ::close(client);
}

TEST_F(TunnelOverH2Test, ClosedClientClosesTheTarget) {
  const auto [client, target] = Open();
  WriteAll(client, "last words");
  // With unread bytes in it, closing would be a reset.
  char greeting[6];
  ASSERT_EQ(::recv(client, greeting, sizeof greeting, MSG_WAITALL), 6);
  ::close(client);
  EXPECT_EQ(ReadToEnd(target), "last words");
}

TEST_F(TunnelOverH2Test, ClientThatLeavesAfterItsHalfCloseStopsAnEndlessTarget) {
  const auto [client, target] = Open();
  ::shutdown(client, SHUT_WR);
  EXPECT_EQ(ReadToEnd(target), "") << "the half-close has arrived";
  ::close(client);
  const std::string block(1 << 20, 'x');
  while (::send(target, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
  }
}

TEST_F(TunnelOverH2Test, ManyShortConnections) {
  for (int i = 0; i < 200; ++i) {
    const auto [client, target] = Open();
    WriteAll(client, "ping");
    ::shutdown(client, SHUT_WR);
    ASSERT_EQ(ReadToEnd(target), "ping");
    WriteAll(target, "pong");
    ::shutdown(target, SHUT_WR);
    ASSERT_EQ(ReadToEnd(client), "hello pong");
    ::close(client);
  }
  // The last ends may still be on their way: an answer to a dial comes behind them.
  const auto [client, target] = Open();
  EXPECT_EQ(hub_side_.Run([this] { return hub_->connection_count(); }), 1u);
  EXPECT_EQ(agent_side_.Run([this] { return agent_->connection_count(); }), 1u);
  ::close(client);
}

}  // namespace
}  // namespace hawser::tunnel
