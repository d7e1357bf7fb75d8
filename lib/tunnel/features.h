// Negotiation of the wire extension (proto/hawser.proto): offered in the request metadata
// `hawser-features`, accepted as a subset in the response header of the same name.
#pragma once

#include <cstdint>
#include <string>

#include "lib/net/message_stream.h"

namespace hawser::tunnel {

// What both ends of a session agreed to.
struct Features {
  bool window = false;
  bool fin = false;
  bool reason = false;
  bool early = false;
  bool demand = false;  // with `window` only
  // First window of every connection towards the peer, bytes; 0 without `window`.
  int64_t peer_window = 0;

  bool any() const { return window || fin || reason || early || demand; }
  bool operator==(const Features&) const = default;
};

// What we can do: everything, with `window` bytes as our first receive window.
// `with_window` is false on front-end streams, which HTTP/2 flow control serves (one connection
// each).
void Offer(net::Metadata& headers, int64_t window, bool with_window);
// What is left of `peer`'s offer or answer; a malformed window counts as absent. Windows are
// clamped to [16 KiB, 64 MiB].
Features Accept(const net::Metadata& peer, bool with_window);
// The answer to an offer: the accepted subset.
void Answer(net::Metadata& headers, const Features& accepted, int64_t window);

}  // namespace hawser::tunnel
