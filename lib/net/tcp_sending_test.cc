#include "lib/net/tcp_sending.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/cleanup/cleanup.h"

namespace hawser::net {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class SendBufferTest : public ::testing::Test {
 protected:
  SendBufferTest() { Ask(64 * 1024); }
  ~SendBufferTest() override { ::close(fd_); }

  void Ask(int bytes) { ::setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes); }
  int Size() const {
    int bytes = 0;
    socklen_t size = sizeof bytes;
    ::getsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &bytes, &size);
    return bytes;
  }
  // Ten milliseconds go by, for `part` of which the buffer was too small.
  void Observe(microseconds part) {
    buffer_.Observe(fd_, now_ += milliseconds(10), total_ += part);
  }

  const int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SendBuffer buffer_;
  base::Time now_{std::chrono::hours(1)};
  microseconds total_{};
};

TEST_F(SendBufferTest, DoublesWhileItIsShort) {
  Observe(microseconds(0));
  EXPECT_EQ(Size(), 128 * 1024);
  Observe(milliseconds(5));
  EXPECT_EQ(Size(), 256 * 1024);
  Observe(milliseconds(5));
  EXPECT_GT(Size(), 256 * 1024);
  EXPECT_FALSE(buffer_.exhausted());
}

TEST_F(SendBufferTest, StaysWhenItIsShortForMomentsOnly) {
  Observe(microseconds(0));
  for (int i = 0; i < 5; ++i) Observe(milliseconds(1));
  EXPECT_EQ(Size(), 128 * 1024);
}

TEST_F(SendBufferTest, IsExhaustedAtItsLimitUntilItSuffices) {
  Observe(microseconds(0));
  for (int i = 0; i < 20; ++i) Observe(milliseconds(9));
  EXPECT_TRUE(buffer_.exhausted());
  EXPECT_LE(Size(), static_cast<int>(SendBuffer::kMost));
  const int most = Size();
  Observe(milliseconds(9));
  EXPECT_EQ(Size(), most) << "never shrunk";
  Observe(microseconds(0));
  EXPECT_FALSE(buffer_.exhausted());
}

TEST(TcpSending, IsUnknownOfOtherSockets) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  const absl::Cleanup close_both = [&] {
    ::close(pair[0]);
    ::close(pair[1]);
  };
  const TcpSending sending = ReadTcpSending(pair[0]);
  EXPECT_EQ(sending.rate, 0u);
  EXPECT_EQ(sending.short_of_buffer, microseconds(0));
}

}  // namespace
}  // namespace hawser::net
