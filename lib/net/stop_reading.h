// The end of reading from a Unix socket that is not closed yet.
#pragma once

namespace hawser::net {

// Drops what was not read. From now on the peer's writes fail (EPIPE), and a later close is an end
// to it: with bytes unread it would be a reset.
void StopReading(int fd);

}  // namespace hawser::net
