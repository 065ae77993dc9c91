// Whether a process is the one that was asked for: a zygote is not trusted to answer with its own leaf and not with another lambda's.
#pragma once

#include <stdint.h>

#include "fd.h"

namespace sock {

/// True when the process of `pidfd` is in the cgroup whose directory is `cgroup`, into which only it can have been born; or has ended already.
bool is_leaf_of(int pidfd, int cgroup);

/// The process in that cgroup: a leaf whose zygote has died before it could hand it over. Not open when there is none.
OwnFd orphan_in(int cgroup);

/// Reaps what has ended among this thread's children whose uid is one of those `count` from `first` on. A zygote can make the worker the parent of
/// processes that it never heard of. Only when no pidfd of such a child is waited for any more.
void reap_strays(uint32_t first, uint32_t count);

}  // namespace sock
