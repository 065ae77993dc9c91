// clone3 on a stack of its own, sharing memory: costs the same at any size of the parent.
#pragma once

#include <stdint.h>

#include <memory>

#include "fd.h"

namespace sock {

struct CloneOptions {
  uint64_t flags;        // besides CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND
  int cgroup = -1;       // descriptor of the cgroup's directory to be born in
  void (*walk)(void*);   // [[noreturn]], allocation-free; runs in the child
  void* plan;
};

struct Child {
  OwnFd pidfd;
  int pid;  // only to be used while the child is known not to be reaped
  std::shared_ptr<void> stack;  // must be kept until the child has exec'ed or ended
};

/// Starts the child; with CLONE_VFORK in the flags it returns when the child has exec'ed or ended. The exit signal is 0: nobody but the holder of
/// the pidfd reaps it (waitid with __WALL). All signals are blocked meanwhile, and in the child until its plan unblocks them.
Child clone_sharing(const CloneOptions& options);

struct Exit {
  int code;    // exit code, or -1
  int signal;  // or 0
};
/// Waits for the end of the child and reaps it.
Exit reap(int pidfd);

}  // namespace sock
