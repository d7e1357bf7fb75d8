#include "lib/net/tcp_sending.h"

// Not netinet/tcp.h, whose tcp_info is that of an old kernel.
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>

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

// What the kernel's own growth ends at.
size_t LargestByItself() {
  std::ifstream file("/proc/sys/net/ipv4/tcp_wmem");
  size_t least = 0, first = 0, most = 0;
  file >> least >> first >> most;
  return most;
}

// What asking for gets one at most; 0 when the kernel grows as far by itself, which whoever asks
// puts an end to. Asked of the kernel, since containers do not see net.core.wmem_max.
size_t LargestSendBuffer() {
  static const size_t largest = [] {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return size_t{0};
    AskForSendBuffer(fd, SendBuffer::kMost);
    const size_t bytes = SendBufferOf(fd);
    ::close(fd);
    return bytes > LargestByItself() ? bytes : 0;
  }();
  return largest;
}

}  // namespace

TcpSending ReadTcpSending(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  constexpr size_t kNeeded =
      offsetof(tcp_info, tcpi_delivery_rate) + sizeof info.tcpi_delivery_rate;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || size < kNeeded) return {};
  return {info.tcpi_delivery_rate, info.tcpi_delivery_rate_app_limited != 0};
}

void SendBuffer::Observe(int fd) {
  uint32_t memory[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof memory;
  exhausted_ = false;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) != 0) return;
  const size_t bytes = memory[SK_MEMINFO_SNDBUF];
  if (memory[SK_MEMINFO_WMEM_QUEUED] <= bytes / 2) return;
  const size_t wanted = std::min(2 * bytes, LargestSendBuffer());
  // To ask for less than there is would shrink it, and end the kernel's own growth.
  if (wanted > bytes) {
    AskForSendBuffer(fd, wanted);
  } else {
    exhausted_ = true;
  }
}

}  // namespace hawser::net
