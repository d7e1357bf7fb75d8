// Has the kernel find out that the other end of a TCP connection is no longer there: its host lost
// power, or something on the way forgot the connection.
//
// An idle connection is probed after 15 s, every 15 s, and given up after the third probe. Bytes
// that nobody acknowledges are given up after two minutes. A peer that is there and does not read
// for hours is left alone, which is why TCP_USER_TIMEOUT is not used where the kernel can do
// better: it counts the time of a closed window, too.
#pragma once

namespace hawser::net {

// For a connected socket, or for a listening one whose connections inherit it. Without effect on
// sockets other than TCP's.
void DetectDeadPeer(int fd);

}  // namespace hawser::net
