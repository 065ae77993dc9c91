// User and network namespaces made before anything runs in them.
#pragma once

#include <stdint.h>

#include <vector>

#include "fd.h"

namespace sock {

/// `count` ids from `outside` on are seen as `inside` and following.
struct IdRange {
  uint32_t inside, outside, count;
};

/// A user namespace with these uid and gid maps. Needs root in the initial one.
OwnFd user_namespace(const std::vector<IdRange>& ids);

/// A network namespace that holds nothing but an own loopback, up, and belongs to `user`. About 0.7 ms.
OwnFd network_namespace(int user);

/// A detached, read-only /proc of a process namespace that has ended: it shows no process. The kernel lets a user namespace mount a fresh /proc
/// only where a whole one is mounted already (mount_too_revealing, fs/namespace.c); this is that one, and gives away nothing.
OwnFd empty_proc();

/// True when nothing has been counted in `network`: then no lambda has left anything in it for the next one to find (connections in TIME_WAIT,
/// the counters themselves, which packets that find no route change too). IPv6 flow labels outlive their socket uncounted and carry what their maker
/// likes, so there may be none.
/// Called on a thread that may change its network namespace and back.
bool network_unused(int network);

}  // namespace sock
