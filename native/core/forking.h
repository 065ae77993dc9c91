// The worker's end of a zygote's fork socket.
#pragma once

#include <stdint.h>

#include <optional>
#include <span>
#include <string>

#include "fd.h"
#include "wire.h"

namespace sock {

/// What a slot brings to a leaf; all borrowed.
struct LeafParts {
  uint32_t uid;  // as the zygote's user namespace numbers it
  bool standby;
  int cgroup, network, scratch;
  int handler;  // detached mount, or -1
  uint64_t data_bytes, processes;
};

/// The worker's ends of a leaf's channel and log pipes, non-blocking.
struct LeafEnds {
  OwnFd channel, out, err;
  size_t sent = 0;
};

/// Sends the seal program; the first thing that a zygote waits for.
void send_seal(int fork_socket);
/// Asks for a fork. `first` is in the leaf's channel before it exists, so that it need not wait for it: as far as it went in, see LeafEnds::sent.
/// Throws SysError EAGAIN when the zygote is far behind with its forks.
LeafEnds request_fork(int fork_socket, const LeafParts& parts, std::span<const uint8_t> first = {});

struct ForkAnswer {
  int error;    // errno of the clone, 0: born
  OwnFd pidfd;  // when born
};
/// One answer, if one is there; nullopt when not. Throws SysError EPROTO on an answer that is none, ECONNRESET when the zygote is gone.
std::optional<ForkAnswer> receive_answer(int fork_socket);

}  // namespace sock
