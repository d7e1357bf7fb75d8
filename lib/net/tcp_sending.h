// What the kernel knows about how a TCP socket sends, and the send buffer beyond the kernel's own
// limits.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hawser::net {

struct TcpSending {
  // The rate at which the peer acknowledged data lately, bytes per second; 0 when not known.
  uint64_t rate = 0;
  // There was too little to send meanwhile: the link takes at least that much.
  bool ran_dry = false;
};

// One system call. All zero when `fd` is no TCP socket.
TcpSending ReadTcpSending(int fd);

// Lets a socket have more on its way than the kernel's own growth allows (net.ipv4.tcp_wmem, 4 MiB
// by default, of which it fills two thirds): on a link of 50 ms that is 0.44 Gbit/s, however fast
// the link is. What setsockopt may ask for (net.core.wmem_max) is often more. And a connection that
// the buffer bounds instead of the congestion window looks to the kernel as if it had little to
// send, by which BBR sends three times what the link takes, for ever. Bytes that are not sent yet
// are bounded by WritePace all the same.
class SendBuffer {
 public:
  // As much as a gigabit per second needs on a link of 150 ms.
  static constexpr size_t kMost = 32 * 1024 * 1024;

  // To be told now and then while the kernel takes no more. Doubles the buffer of `fd` when more
  // than half of it is taken. A system call or two.
  void Observe(int fd);
  // More than half is taken, and it may not grow. The kernel says that a socket is writable when a
  // third is free; who tries earlier can use that third, too.
  bool exhausted() const { return exhausted_; }

 private:
  bool exhausted_ = false;
};

}  // namespace hawser::net
