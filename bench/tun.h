// A TUN device: IP packets that the kernel routes to it are read here, and what is written here the
// kernel receives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "bench/sockets.h"

namespace hawser::bench {

class Tun {
 public:
  struct Options {
    std::string name;
    std::string address;  // IPv4, ours
    std::string peer;     // IPv4, behind the device
    int mtu = 1500;
    // TCP's segments pass in pieces of up to 64 KiB, which costs far less. A loss then takes whole
    // pieces.
    bool large_segments = false;
  };

  // In the network namespace of the calling thread, up and with its addresses. Needs CAP_NET_ADMIN
  // there. Throws std::system_error.
  explicit Tun(const Options& options);

  int fd() const { return fd_.get(); }
  // The next packet, with what the kernel wants to be told of it; nothing when there is none. Valid
  // until the next call.
  std::optional<std::span<const uint8_t>> Read();
  // As Read() gave it. What the kernel does not take is lost.
  void Write(std::span<const uint8_t> packet);

 private:
  Fd fd_;
};

// Brings the loopback device of this network namespace up. Throws std::system_error.
void RaiseLoopback();

}  // namespace hawser::bench
