// The rate at which the peer of a TCP socket acknowledged data lately, bytes per second; 0 when it
// is not known. One system call.
#pragma once

#include <cstdint>

namespace hawser::net {

uint64_t DeliveryRate(int fd);

}  // namespace hawser::net
