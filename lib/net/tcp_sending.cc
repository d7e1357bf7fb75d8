#include "lib/net/tcp_sending.h"

// Not netinet/tcp.h, whose tcp_info is that of an old kernel.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace hawser::net {
namespace {

size_t SendBufferOf(int fd) {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  ::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size);
  return static_cast<size_t>(bytes);
}

// The kernel doubles what it is asked for, and has an upper bound (net.core.wmem_max).
void AskForSendBuffer(int fd, size_t bytes) {
  const int half = static_cast<int>(bytes / 2);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof half);
}

// What asking for gets one at most. Asked of the kernel, since containers do not see its setting.
size_t LargestSendBuffer() {
  static const size_t largest = [] {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return size_t{0};
    AskForSendBuffer(fd, SendBuffer::kMost);
    const size_t bytes = SendBufferOf(fd);
    ::close(fd);
    return bytes;
  }();
  return largest;
}

}  // namespace

TcpSending ReadTcpSending(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  constexpr size_t kNeeded =
      offsetof(tcp_info, tcpi_sndbuf_limited) + sizeof info.tcpi_sndbuf_limited;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || size < kNeeded) return {};
  return {info.tcpi_delivery_rate, std::chrono::microseconds(info.tcpi_sndbuf_limited)};
}

void SendBuffer::Observe(int fd, base::Time now, std::chrono::microseconds short_of_buffer) {
  const auto elapsed = now - std::exchange(looked_at_, now);
  const auto was_short = short_of_buffer - std::exchange(short_of_buffer_, short_of_buffer);
  exhausted_ = false;
  if (was_short <= elapsed / 8) return;
  const size_t bytes = SendBufferOf(fd);
  const size_t wanted = std::min(2 * bytes, LargestSendBuffer());
  // To ask for less than there is would shrink it, and end the kernel's own growth.
  if (wanted > bytes) {
    AskForSendBuffer(fd, wanted);
  } else {
    exhausted_ = true;
  }
}

}  // namespace hawser::net
