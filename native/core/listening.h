// Listening sockets that somebody else in this process made.
#pragma once

#include <stdint.h>

namespace sock {

/// Bounds what the kernel keeps of what clients of this TCP port have sent and nobody has read (SO_RCVBUF, which the connections inherit).
/// Returns for how many listening sockets that was done.
int bound_receive(uint16_t port, int bytes);

}  // namespace sock
