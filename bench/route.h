// The way a load takes to its target: directly, through a proxy that forwards its port, or through
// one that is asked with HTTP CONNECT.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/sockets.h"

namespace hawser::bench {

// Asks the target to echo what follows, and sends it the first byte.
inline constexpr char kEchoRequest[] = "POST /echo HTTP/1.1\r\n\r\n.";

struct Route {
  std::string via;      // "1.2.3.4:port" or "unix:/path" to connect to
  std::string connect;  // authority to CONNECT to; empty: `via` leads to the target

  // A byte stream to the target. `receive_buffer` as in ConnectTo.
  Fd Open(int receive_buffer = 0) const;
  // Open, then the target's echo of one byte: the target itself has answered. `at_once`: the
  // request does not wait for the proxy's answer.
  Fd OpenEcho(bool at_once = false) const;
};

// One byte there and back on a connection that OpenEcho made.
void EchoByte(const Fd& fd);

// Opens `count` connections whose target sends without end and reads from none of them. Returns
// when every buffer on the way is full: the target, asked directly at `target`, stopped sending.
std::vector<Fd> OpenUnread(const Route& route, const std::string& target, size_t count);

// A number from the target's /stats; `control` is a direct connection to it.
uint64_t TargetStat(const Fd& control, const std::string& name);

}  // namespace hawser::bench
