#include "lib/tunnel/dial_watch.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "lib/testing/loopback.h"

namespace hawser::tunnel {
namespace {

using testing::RunReady;
using testing::RunUntil;

class DialWatchTest : public ::testing::Test {
 protected:
  DialWatchTest() {
    const auto [ours, theirs] = testing::UnixPair();
    client_ = theirs;
    watch_.emplace(DialWatch::Client{net::MakePlainSocket(loop_, ours), ""});
  }
  ~DialWatchTest() override { Close(); }

  void Start(DialWatch::End end) {
    watch_->Start(end, [this] { hung_up_ = true; });
  }
  void Send(const std::string& bytes) {
    ASSERT_EQ(send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void Close() {
    if (const int fd = std::exchange(client_, -1); fd >= 0) close(fd);
  }

  net::EventLoop loop_;
  int client_;
  std::optional<DialWatch> watch_;
  bool hung_up_ = false;
};

TEST_F(DialWatchTest, KeepsWhatTheClientSaysWithItsSocket) {
  Start(DialWatch::End::kIsGone);
  Send("first");
  RunUntil(loop_, [&] { return watch_->read_ahead() == "first"; });
  Send(", second");
  RunUntil(loop_, [&] { return watch_->read_ahead() == "first, second"; });
  DialWatch::Client client = watch_->Take();
  EXPECT_EQ(client.read_ahead, "first, second");
  watch_.reset();
  // Nobody reads any more.
  Send(", third");
  RunReady(loop_);
  uint8_t bytes[100];
  EXPECT_EQ(client.socket->Read(bytes).bytes, 7u);
  EXPECT_FALSE(hung_up_);
}

TEST_F(DialWatchTest, NoticesAClientThatLeavesAfterItSaidSomething) {
  Start(DialWatch::End::kIsGone);
  Send("first");
  RunUntil(loop_, [&] { return watch_->read_ahead() == "first"; });
  Close();
  RunUntil(loop_, [&] { return hung_up_; });
}

TEST_F(DialWatchTest, NoticesAClientThatLeavesAfterItSaidALot) {
  Start(DialWatch::End::kIsGone);
  Send(std::string(100'000, 'x'));
  RunUntil(loop_, [&] { return watch_->read_ahead().size() == 16 * 1024; });
  RunReady(loop_);
  EXPECT_FALSE(hung_up_);
  Close();
  RunUntil(loop_, [&] { return hung_up_; });
  EXPECT_EQ(watch_->read_ahead().size(), 16u * 1024);
}

TEST_F(DialWatchTest, AClientThatSaidSomethingMayHalfClose) {
  Start(DialWatch::End::kIsGone);
  Send("request");
  shutdown(client_, SHUT_WR);
  RunUntil(loop_, [&] { return watch_->read_ahead() == "request"; });
  RunReady(loop_);
  EXPECT_FALSE(hung_up_);
  Close();
  RunUntil(loop_, [&] { return hung_up_; });
}

TEST_F(DialWatchTest, TheEndOfASilentClientIsWhatItsUserSays) {
  Start(DialWatch::End::kIsHalfClose);
  shutdown(client_, SHUT_WR);
  RunReady(loop_);
  EXPECT_FALSE(hung_up_);
  DialWatch::Client client = watch_->Take();
  watch_.emplace(std::move(client));
  Start(DialWatch::End::kIsGone);
  RunUntil(loop_, [&] { return hung_up_; });
}

}  // namespace
}  // namespace hawser::tunnel
