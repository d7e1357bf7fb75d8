// Blocking and non-blocking sockets for the load driver and its target. Nothing of the product is
// used here, so that the yardstick does not change with what it measures. Failures throw
// std::system_error or std::runtime_error: a benchmark that cannot talk is over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hawser::bench {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();

  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// Allows this process as many descriptors as the system gives it.
void RaiseDescriptorLimit();

// Listens on an IPv4 address, port 0 for a free one. With `shared`, several sockets may listen on
// the port and the kernel spreads connections over them.
Fd ListenTcp(const std::string& address, uint16_t port, bool shared);
uint16_t BoundPort(const Fd& listener);

// Connects to "unix:/path" or "1.2.3.4:port"; blocking, without Nagle's delay. `receive_buffer`
// bounds what the kernel holds for an unread connection, bytes; 0 leaves it to the kernel.
Fd ConnectTo(const std::string& address, int receive_buffer = 0);

void SendAll(const Fd& fd, std::string_view bytes);
// Exactly `size` bytes.
std::string ReceiveExactly(const Fd& fd, size_t size);
// An HTTP head up to and including its blank line, and not one byte more.
std::string ReceiveHead(const Fd& fd);

}  // namespace hawser::bench
