#include "lib/net/listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "lib/net/dialer.h"
#include "lib/net/socket.h"
#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"

namespace hawser::net {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::LoopbackPeer;
using ::hawser::testing::RunUntil;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

const asio::ip::tcp::endpoint kLoopback(asio::ip::address_v4::loopback(), 0);

class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "listener.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/hub.sock";
  }
  ~ListenerTest() override {
    for (const int fd : accepted_) ::close(fd);
    std::filesystem::remove_all(folder_);
  }

  void Start(Listener& listener) {
    listener.Start([this](int fd) { accepted_.push_back(fd); });
  }

  // Connects without waiting for accept().
  std::unique_ptr<LoopbackPeer> Connect(const Listener& listener) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const asio::ip::tcp::endpoint endpoint(kLoopback.address(), listener.port());
    EXPECT_EQ(::connect(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
    return std::make_unique<LoopbackPeer>(MakePlainSocket(loop_, fd));
  }

  EventLoop loop_;
  std::string folder_, path_;
  std::vector<int> accepted_;
};

TEST_F(ListenerTest, AcceptsOnAFreePort) {
  const auto listener = Listener::Tcp(loop_, kLoopback);
  ASSERT_THAT(listener, IsOk());
  EXPECT_NE((*listener)->port(), 0);
  EXPECT_EQ((*listener)->address(), "127.0.0.1:" + std::to_string((*listener)->port()));
  Start(**listener);
  const auto first = Connect(**listener);
  const auto second = Connect(**listener);
  RunUntil(loop_, [&] { return accepted_.size() == 2; });
  EXPECT_NE(::fcntl(accepted_[0], F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(accepted_[0], F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ListenerTest, TheKernelLooksAfterItsConnections) {
  const auto listener = Listener::Tcp(loop_, kLoopback);
  ASSERT_THAT(listener, IsOk());
  Start(**listener);
  const auto peer = Connect(**listener);
  RunUntil(loop_, [&] { return accepted_.size() == 1; });
  const auto option = [&](int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(accepted_[0], level, name, &value, &size), 0);
    return value;
  };
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 15);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 15);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
}

TEST_F(ListenerTest, AddressInUse) {
  const auto listener = Listener::Tcp(loop_, kLoopback);
  ASSERT_THAT(listener, IsOk());
  const asio::ip::tcp::endpoint taken(kLoopback.address(), (*listener)->port());
  EXPECT_THAT(Listener::Tcp(loop_, taken),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       "listen on " + (*listener)->address() + ": the address is in use"));
  EventLoop* const loops[] = {&loop_};
  EXPECT_THAT(Listener::TcpOnEach(loops, taken), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(ListenerTest, ASecondSetOfListenersIsRefused) {
  EventLoop* const loops[] = {&loop_, &loop_};
  const auto listeners = Listener::TcpOnEach(loops, kLoopback);
  ASSERT_THAT(listeners, IsOk());
  const asio::ip::tcp::endpoint taken(kLoopback.address(), listeners->front()->port());
  EXPECT_THAT(Listener::TcpOnEach(loops, taken), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(ListenerTest, ListensOnEachLoopWithOnePort) {
  EventLoop other;
  EventLoop* const loops[] = {&loop_, &other};
  const auto listeners = Listener::TcpOnEach(loops, kLoopback);
  ASSERT_THAT(listeners, IsOk());
  ASSERT_EQ(listeners->size(), 2u);
  EXPECT_EQ((*listeners)[0]->port(), (*listeners)[1]->port());
  for (const auto& listener : *listeners) Start(*listener);
  std::vector<std::unique_ptr<LoopbackPeer>> peers;
  for (int i = 0; i < 20; ++i) peers.push_back(Connect(*listeners->front()));
  while (accepted_.size() < 20) {
    loop_.io().poll();
    other.io().poll();
  }
}

TEST_F(ListenerTest, StopsAccepting) {
  const auto listener = Listener::Tcp(loop_, kLoopback);
  ASSERT_THAT(listener, IsOk());
  Start(**listener);
  const auto queued = Connect(**listener);
  (*listener)->Stop();
  RunUntil(loop_, [&] { return queued->ended(); });
  EXPECT_TRUE(accepted_.empty());
}

TEST_F(ListenerTest, TheCallbackMayStopIt) {
  const auto listener = Listener::Tcp(loop_, kLoopback);
  ASSERT_THAT(listener, IsOk());
  (*listener)->Start([&](int fd) {
    accepted_.push_back(fd);
    (*listener)->Stop();
  });
  const auto first = Connect(**listener);
  const auto second = Connect(**listener);
  RunUntil(loop_, [&] { return second->ended(); });
  EXPECT_EQ(accepted_.size(), 1u);
}

// Lowers the limit of descriptors so that no more can be opened, until destroyed.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest_free);
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(lowest_free);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

TEST_F(ListenerTest, SurvivesAShortageOfDescriptors) {
  const auto listener = Listener::Tcp(loop_, kLoopback);
  ASSERT_THAT(listener, IsOk());
  Start(**listener);
  // UBSan needs descriptors for the first look at each type, so everything happens once before.
  const auto first = Connect(**listener);
  base::Timer timer(loop_);
  timer.Set(std::chrono::milliseconds(1), [] {});
  RunUntil(loop_, [&] { return accepted_.size() == 1 && !timer.armed(); });
  std::vector<std::unique_ptr<LoopbackPeer>> refused;
  for (int i = 0; i < 200; ++i) refused.push_back(Connect(**listener));
  {
    const NoDescriptors shortage;
    // Nobody hangs: they are accepted and closed.
    RunUntil(loop_, [&] {
      return std::all_of(refused.begin(), refused.end(), [](auto& peer) { return peer->ended(); });
    });
    EXPECT_EQ(accepted_.size(), 1u);
  }
  const auto later = Connect(**listener);
  RunUntil(loop_, [&] { return accepted_.size() == 2; });
}

TEST_F(ListenerTest, UnixSocketsHaveTheirModeAndLeaveNoFile) {
  {
    const auto listener = Listener::Unix(loop_, path_, 0640);
    ASSERT_THAT(listener, IsOk());
    EXPECT_EQ((*listener)->address(), "unix:" + path_);
    struct stat info {};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0640u);
    Start(**listener);
    const auto fd = ConnectUnix(path_);
    ASSERT_THAT(fd, IsOk());
    accepted_.push_back(*fd);
    RunUntil(loop_, [&] { return accepted_.size() == 2; });
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ListenerTest, RefusesAUnixSocketInUseAndLeavesItAlone) {
  const auto listener = Listener::Unix(loop_, path_);
  ASSERT_THAT(listener, IsOk());
  EXPECT_THAT(Listener::Unix(loop_, path_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("another process listens")));
  Start(**listener);
  const auto fd = ConnectUnix(path_);
  ASSERT_THAT(fd, IsOk());
  accepted_.push_back(*fd);
  // The look at whether it is in use was a connection, too.
  RunUntil(loop_, [&] { return accepted_.size() == 3; });
}

TEST_F(ListenerTest, AFullBacklogIsInUse) {
  const auto address = UnixAddress(path_);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  accepted_.push_back(fd);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address), 0);
  ASSERT_EQ(::listen(fd, 0), 0);
  const auto only = ConnectUnix(path_);
  ASSERT_THAT(only, IsOk());
  accepted_.push_back(*only);
  ASSERT_FALSE(ConnectUnix(path_).ok());
  EXPECT_THAT(Listener::Unix(loop_, path_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("another process listens")));
}

TEST_F(ListenerTest, ReplacesAStaleUnixSocket) {
  // What a process that was killed leaves behind.
  const auto address = UnixAddress(path_);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address), 0);
  ::close(fd);
  EXPECT_THAT(Listener::Unix(loop_, path_, 0600, false),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("in use")));
  EXPECT_THAT(Listener::Unix(loop_, path_), IsOk());
}

TEST_F(ListenerTest, NeverReplacesAnotherKindOfFile) {
  std::ofstream(path_) << "precious";
  EXPECT_THAT(Listener::Unix(loop_, path_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("not a socket")));
  EXPECT_EQ(std::filesystem::file_size(path_), 8u);
}

TEST_F(ListenerTest, SaysWhyItCannotListen) {
  EXPECT_THAT(Listener::Unix(loop_, folder_ + "/nowhere/hub.sock"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("nowhere")));
  EXPECT_THAT(Listener::Unix(loop_, ""), StatusIs(absl::StatusCode::kInvalidArgument));
  // TEST-NET-1 is nobody's own address.
  EXPECT_THAT(Listener::Tcp(loop_, {asio::ip::make_address("192.0.2.1"), 0}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "listen on 192.0.2.1:0: not an address of this host"));
}

}  // namespace
}  // namespace hawser::net
