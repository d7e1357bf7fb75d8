#include "lib/net/stop_reading.h"

#include <sys/socket.h>

#include <array>

namespace hawser::net {

void StopReading(int fd) {
  ::shutdown(fd, SHUT_RD);
  std::array<char, 16384> unread;
  while (::recv(fd, unread.data(), unread.size(), MSG_DONTWAIT) > 0) continue;
}

}  // namespace hawser::net
