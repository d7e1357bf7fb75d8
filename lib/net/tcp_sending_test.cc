#include "lib/net/tcp_sending.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/cleanup/cleanup.h"
#include "lib/testing/loopback.h"

namespace hawser::net {
namespace {

// A connection whose peer does not read.
class SendBufferTest : public ::testing::Test {
 protected:
  SendBufferTest() {
    const int bytes = 64 * 1024;
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    ::setsockopt(peer_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  ~SendBufferTest() override {
    ::close(fd_);
    ::close(peer_);
  }

  // As much as the kernel takes.
  void Fill() const {
    const std::string bytes(64 * 1024, 'x');
    while (::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
    }
  }
  int Size() const {
    int bytes = 0;
    socklen_t size = sizeof bytes;
    ::getsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &bytes, &size);
    return bytes;
  }

  const std::pair<int, int> pair_ = testing::TcpPair();
  const int fd_ = pair_.first, peer_ = pair_.second;
  SendBuffer buffer_;
};

TEST_F(SendBufferTest, DoublesWhenItIsMostlyTaken) {
  buffer_.Observe(fd_);
  EXPECT_EQ(Size(), 128 * 1024) << "nothing is in it";
  Fill();
  buffer_.Observe(fd_);
  EXPECT_EQ(Size(), 256 * 1024);
  EXPECT_FALSE(buffer_.exhausted());
}

TEST_F(SendBufferTest, IsExhaustedAtItsLimit) {
  for (int i = 0; i < 12; ++i) {
    Fill();
    buffer_.Observe(fd_);
  }
  EXPECT_TRUE(buffer_.exhausted());
  EXPECT_GT(Size(), 256 * 1024);
  EXPECT_LE(Size(), static_cast<int>(SendBuffer::kMost));
  const int most = Size();
  buffer_.Observe(fd_);
  EXPECT_EQ(Size(), most) << "never shrunk";
}

TEST(TcpSending, IsUnknownOfOtherSockets) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  const absl::Cleanup close_both = [&] {
    ::close(pair[0]);
    ::close(pair[1]);
  };
  EXPECT_EQ(ReadTcpSending(pair[0]).rate, 0u);
}

}  // namespace
}  // namespace hawser::net
