// Answers of the CONNECT front end other than success: always with a length, and the last thing on
// their connection.
#pragma once

#include <memory>
#include <string>

#include "hub/socket_port.h"
#include "lib/base/scheduler.h"
#include "lib/net/socket.h"
#include "lib/tunnel/failure.h"

namespace hawser::hub {

inline constexpr char kEstablished[] = "HTTP/1.1 200 Connection Established\r\n\r\n";

// "HTTP/1.1 <status> <text>", with `text` as its body, too.
std::string HttpReply(int status, const std::string& text);
// The same for a dial that failed, with its reason and hop in the status line and in the headers
// Hawser-Reason and Hawser-Hop: "HTTP/1.1 503 no agent available for "tokyo" (no_agent at the
// hub)".
std::string HttpReply(const tunnel::Failure& failure);

// A socket that gets its last bytes. Closing at once could take them back (a reset, when unread
// bytes are left), so it reads until the client closes, for 2 s and 256 KiB at most.
class LastWords {
 public:
  // `done` runs once and may destroy this.
  LastWords(std::unique_ptr<net::Socket> socket, std::string text, base::Closure done);

 private:
  void Write();
  void Drain();
  void Done();

  std::unique_ptr<net::Socket> socket_;
  std::string text_;    // not yet written
  size_t drained_ = 0;  // bytes
  base::Timer deadline_;
  base::Closure done_;
};

}  // namespace hawser::hub
