#include "lib/net/dialer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/net/listener.h"
#include "lib/net/socket_address.h"
#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"

namespace hawser::net {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::RunUntil;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using namespace std::chrono_literals;
using Endpoint = asio::ip::tcp::endpoint;

const Endpoint kLoopback(asio::ip::address_v4::loopback(), 0);

// A port on which connections are never answered: its backlog is full.
class SilentPort {
 public:
  SilentPort() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    socklen_t size = static_cast<socklen_t>(endpoint_.capacity());
    EXPECT_EQ(::bind(listener_, endpoint_.data(), static_cast<socklen_t>(endpoint_.size())), 0);
    EXPECT_EQ(::listen(listener_, 0), 0);
    EXPECT_EQ(::getsockname(listener_, endpoint_.data(), &size), 0);
    filler_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(filler_, endpoint_.data(), static_cast<socklen_t>(endpoint_.size())), 0);
  }
  ~SilentPort() {
    ::close(filler_);
    ::close(listener_);
  }
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  Endpoint endpoint_ = kLoopback;
  int listener_;
  int filler_;
};

size_t OpenDescriptors() {
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(descriptors), end(descriptors)));
}

Endpoint At(const std::string& address) { return {asio::ip::make_address(address), 80}; }

TEST(InterleaveFamilies, KeepsTheOrderWithinEach) {
  EXPECT_THAT(InterleaveFamilies({}), ::testing::IsEmpty());
  EXPECT_THAT(InterleaveFamilies({At("10.0.0.2"), At("10.0.0.1")}),
              ::testing::ElementsAre(At("10.0.0.2"), At("10.0.0.1")));
  EXPECT_THAT(
      InterleaveFamilies({At("::2"), At("::1"), At("::3"), At("10.0.0.2"), At("10.0.0.1")}),
      ::testing::ElementsAre(At("::2"), At("10.0.0.2"), At("::1"), At("10.0.0.1"), At("::3")));
  EXPECT_THAT(InterleaveFamilies({At("10.0.0.2"), At("::1"), At("::2"), At("::3")}),
              ::testing::ElementsAre(At("10.0.0.2"), At("::1"), At("::2"), At("::3")));
}

class DialerTest : public ::testing::Test {
 protected:
  DialerTest() : listener_(*Listener::Tcp(loop_, kLoopback)) {
    listener_->Start([](int fd) { ::close(fd); });
    live_ = Endpoint(kLoopback.address(), listener_->port());
    const auto unused = *Listener::Tcp(loop_, kLoopback);
    refusing_ = Endpoint(kLoopback.address(), unused->port());
  }

  absl::StatusOr<Endpoint> Dial(std::vector<Endpoint> endpoints, base::Duration deadline = 20s) {
    std::optional<absl::StatusOr<int>> result;
    const auto attempt = Connect(loop_, std::move(endpoints), deadline,
                                 [&](absl::StatusOr<int> fd) { result = std::move(fd); });
    EXPECT_FALSE(result.has_value()) << "called back within the call";
    RunUntil(loop_, [&] { return result.has_value(); });
    if (!result->ok()) return result->status();
    EXPECT_NE(::fcntl(**result, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(**result, F_GETFD) & FD_CLOEXEC, 0);
    Endpoint peer;
    socklen_t size = static_cast<socklen_t>(peer.capacity());
    EXPECT_EQ(::getpeername(**result, peer.data(), &size), 0);
    ::close(**result);
    return peer;
  }

  EventLoop loop_;
  std::unique_ptr<Listener> listener_;
  Endpoint live_, refusing_;
};

TEST_F(DialerTest, Connects) { EXPECT_THAT(Dial({live_}), testing::IsOkAndHolds(live_)); }

TEST_F(DialerTest, SaysWhatWasRefused) {
  EXPECT_THAT(Dial({refusing_}),
              StatusIs(absl::StatusCode::kUnavailable,
                       "connect to " + EndpointText(refusing_) + ": connection refused"));
}

TEST_F(DialerTest, GoesOnToTheNextAddressAtOnce) {
  EXPECT_THAT(Dial({refusing_, refusing_, live_}), testing::IsOkAndHolds(live_));
}

TEST_F(DialerTest, DoesNotWaitForASilentAddress) {
  const SilentPort silent;
  EXPECT_THAT(Dial({silent.endpoint(), live_}), testing::IsOkAndHolds(live_));
}

TEST_F(DialerTest, HasFewDescriptorsForManySilentAddresses) {
  const SilentPort silent;
  std::vector<Endpoint> endpoints(10, silent.endpoint());
  endpoints.push_back(live_);
  bool connected = false;
  const auto attempt = Connect(loop_, std::move(endpoints), 20s, [&](absl::StatusOr<int> fd) {
    ASSERT_THAT(fd, IsOk());
    ::close(*fd);
    connected = true;
  });
  const size_t before = OpenDescriptors();
  size_t most = before;
  RunUntil(loop_, [&] {
    most = std::max(most, OpenDescriptors());
    return connected;
  });
  EXPECT_LE(most, before + kMostOpen);
}

TEST_F(DialerTest, WaitsForTheLastAddressThatMightAnswer) {
  const SilentPort silent;
  EXPECT_THAT(Dial({silent.endpoint(), refusing_}, 400ms),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("timed out")));
}

TEST_F(DialerTest, MeetsTheDeadline) {
  const SilentPort silent;
  EXPECT_THAT(Dial({silent.endpoint()}, 50ms),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       "connect to " + EndpointText(silent.endpoint()) + ": timed out"));
}

TEST_F(DialerTest, NowhereToConnectTo) {
  EXPECT_THAT(Dial({}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no address")));
}

TEST_F(DialerTest, ACancelledAttemptDoesNotCallBack) {
  for (const Endpoint& endpoint : {live_, refusing_}) {
    auto attempt = Connect(loop_, {endpoint}, 20s, [](const auto&) { FAIL(); });
    attempt.reset();
    auto begun = Connect(loop_, {endpoint}, 20s, [](const auto&) { FAIL(); });
    loop_.io().restart();
    loop_.io().run_one();
    begun.reset();
  }
  EXPECT_THAT(Dial({live_}), IsOk());
}

TEST_F(DialerTest, TheCallbackMayDestroyTheAttempt) {
  for (const Endpoint& endpoint : {live_, refusing_}) {
    std::unique_ptr<ConnectAttempt> attempt =
        Connect(loop_, {endpoint}, 20s, [&](absl::StatusOr<int> fd) {
          if (fd.ok()) ::close(*fd);
          attempt.reset();
        });
    RunUntil(loop_, [&] { return attempt == nullptr; });
  }
}

TEST_F(DialerTest, UnixSocketsSayWhyTheyRefuse) {
  EXPECT_THAT(
      ConnectUnix("/nowhere/hub.sock"),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("connect to unix:/nowhere/hub.sock")));
  EXPECT_THAT(ConnectUnix(""), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace hawser::net
