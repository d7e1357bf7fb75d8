// How a TCP connection is found out whose other end is no longer there: its host lost power, or
// something on the way forgot the connection.
//
// An idle connection is probed after 15 s, every 15 s, and given up by the kernel after the third
// probe. Bytes that nobody acknowledges are given up after two minutes. A peer that is there and
// does not read for hours is left alone, as it acknowledges that it has no room; TCP_USER_TIMEOUT
// cannot tell it from one that vanished, and would replace the count of probes as well.
#pragma once

namespace hawser::net {

// For a connected socket, or for a listening one whose connections inherit it. Without effect on
// sockets other than TCP's.
void DetectDeadPeer(int fd);

// Whether bytes have not been acknowledged for two minutes by a peer that has not said anything
// either. One system call.
bool IsUnheardOf(int fd);

}  // namespace hawser::net
