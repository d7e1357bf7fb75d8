#include "lib/net/delivery_rate.h"

// Not netinet/tcp.h, whose tcp_info is that of an old kernel.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace hawser::net {

uint64_t DeliveryRate(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  constexpr size_t kNeeded =
      offsetof(tcp_info, tcpi_delivery_rate) + sizeof info.tcpi_delivery_rate;
  const bool known = ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && size >= kNeeded;
  return known ? info.tcpi_delivery_rate : 0;
}

}  // namespace hawser::net
