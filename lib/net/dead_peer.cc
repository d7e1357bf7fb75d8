#include "lib/net/dead_peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace hawser::net {
namespace {

constexpr int kIdleSeconds = 15;
constexpr int kIntervalSeconds = 15;
constexpr int kProbes = 3;
// The longest pause between retransmissions; with net.ipv4.tcp_retries2 at its usual 15 they go on
// for 113 s. Linux 6.15 and later.
constexpr int kTcpRtoMaxMs = 44;
constexpr int kLongestPauseMs = 10'000;
// Elsewhere.
constexpr unsigned kUserTimeoutMs = 300'000;

}  // namespace

void DetectDeadPeer(int fd) {
  const int on = 1;
  if (::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0) return;
  if (::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleSeconds, sizeof kIdleSeconds) != 0) return;
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kIntervalSeconds, sizeof kIntervalSeconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
  if (::setsockopt(fd, IPPROTO_TCP, kTcpRtoMaxMs, &kLongestPauseMs, sizeof kLongestPauseMs) != 0)
    ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof kUserTimeoutMs);
}

}  // namespace hawser::net
