// What the kernel knows about how a TCP socket sends, and the send buffer beyond the kernel's own
// limits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "lib/base/scheduler.h"

namespace hawser::net {

struct TcpSending {
  // The rate at which the peer acknowledged data lately, bytes per second; 0 when not known.
  uint64_t rate = 0;
  // For how long, in all, there was nothing left to send because the buffer was full of what is on
  // its way already.
  std::chrono::microseconds short_of_buffer{};
};

// One system call. All zero when `fd` is no TCP socket.
TcpSending ReadTcpSending(int fd);

// Lets a socket have more on its way than the kernel's own growth allows (net.ipv4.tcp_wmem, 4 MiB
// by default, of which it fills two thirds): on a link of 50 ms that is 0.44 Gbit/s, however fast
// the link is. What setsockopt may ask for (net.core.wmem_max) is often more. Only a socket that
// was found short of it grows. Bytes that are not sent yet are bounded by WritePace all the same.
class SendBuffer {
 public:
  // As much as a gigabit per second needs on a link of 150 ms.
  static constexpr size_t kMost = 32 * 1024 * 1024;

  // To be told now and then what ReadTcpSending() said. Doubles the buffer of `fd` when it was too
  // small for more than an eighth of the time since the last call.
  void Observe(int fd, base::Time now, std::chrono::microseconds short_of_buffer);
  // It was, and may not grow. The kernel says that a socket is writable when a third of its buffer
  // is free; who tries earlier can use that third, too.
  bool exhausted() const { return exhausted_; }

 private:
  base::Time looked_at_;
  std::chrono::microseconds short_of_buffer_{};
  bool exhausted_ = false;
};

}  // namespace hawser::net
