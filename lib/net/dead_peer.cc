#include "lib/net/dead_peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdint>

namespace hawser::net {
namespace {

constexpr int kIdleSeconds = 15;
constexpr int kIntervalSeconds = 15;
constexpr int kProbes = 3;
// The longest pause between retransmissions, so that they go on often enough for a way that comes
// back. Linux 6.15 and later.
constexpr int kTcpRtoMaxMs = 44;
constexpr int kLongestPauseMs = 10'000;
constexpr uint32_t kUnheardOfMs = 120'000;

}  // namespace

void DetectDeadPeer(int fd) {
  const int on = 1;
  if (::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0) return;
  if (::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleSeconds, sizeof kIdleSeconds) != 0) return;
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kIntervalSeconds, sizeof kIntervalSeconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
  ::setsockopt(fd, IPPROTO_TCP, kTcpRtoMaxMs, &kLongestPauseMs, sizeof kLongestPauseMs);
}

bool IsUnheardOf(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  return info.tcpi_unacked > 0 && info.tcpi_retransmits > 0 &&
         info.tcpi_last_ack_recv > kUnheardOfMs;
}

}  // namespace hawser::net
